-- STAGED (or, by a person's word, IN_DOUBT) → PUBLISHED: every file to its outcome, figures raised by what was committed.
-- The run's row is locked first, as everywhere, so that no two transactions wait for each other.
WITH run AS MATERIALIZED (
    SELECT run_id
    FROM runs
    WHERE run_id = (SELECT run_id FROM leases WHERE lease_id = CAST(:lease_id AS uuid))
    FOR UPDATE
), ended AS (
    UPDATE leases
    SET state = 'PUBLISHED',
        holder = NULL,
        request_id = NULL,
        deadline = NULL,
        end_time = now(),
        error = NULL
    FROM run
    WHERE leases.run_id = run.run_id
      AND leases.lease_id = CAST(:lease_id AS uuid)
      AND leases.state = CAST(:leaves AS text)
      AND leases.fence = coalesce(CAST(:fence AS bigint), leases.fence)
      -- An executor that knows nothing of rejects has not published them.
      AND (
          CAST(:published_rejects_snapshot_id AS bigint) <> 0
          OR CAST(:leaves AS text) = 'IN_DOUBT'
          OR NOT EXISTS (
              SELECT 1
              FROM staged_tables
              WHERE staged_tables.lease_id = leases.lease_id AND staged_tables.purpose = 'REJECTS'
          )
      )
    RETURNING leases.lease_id, leases.ingestion_id, leases.run_id, leases.file_count,
        leases.attempts, leases.records_written, leases.records_rejected, leases.exceptions, leases.warnings,
        leases.held_changes IS NOT NULL AS holds_changes
), published AS (
    UPDATE staged_tables
    SET published_snapshot_id = CASE staged_tables.purpose
        WHEN 'ROWS' THEN CAST(:published_snapshot_id AS bigint)
        ELSE nullif(CAST(:published_rejects_snapshot_id AS bigint), 0)
    END
    FROM ended
    WHERE staged_tables.lease_id = ended.lease_id
), members AS (
    SELECT files.ingestion_id, files.file_id, row_number() OVER (ORDER BY files.file_id) AS position
    FROM files
    JOIN ended ON files.lease_id = ended.lease_id
), counts AS (
    SELECT counted.records, counted.rejected, counted.position
    FROM ended, unnest(ended.records_written, ended.records_rejected)
        WITH ORDINALITY AS counted (records, rejected, position)
), exceptions AS (
    SELECT told.index + 1 AS position, told.outcome, told.category, told.message, told.cause,
        told.retryable, told.records_rejected
    FROM ended, jsonb_to_recordset(ended.exceptions) AS told (
        index int, outcome text, category text, message text, cause text, retryable boolean,
        records_rejected bigint
    )
), moved AS (
    UPDATE files
    SET state = coalesce(exceptions.outcome, 'PROCESSED'),
        lease_id = NULL,
        end_time = now(),
        attempts = files.attempts + greatest(ended.attempts, 1),
        records_written = counts.records,
        records_rejected = coalesce(exceptions.records_rejected, counts.rejected, 0),
        snapshot_id = CASE WHEN counts.records > 0 THEN nullif(CAST(:published_snapshot_id AS bigint), 0) END,
        error_category = exceptions.category,
        error_message = exceptions.message,
        error_cause = nullif(exceptions.cause, ''),
        error_retryable = exceptions.retryable
    FROM ended, members
    JOIN counts ON counts.position = members.position
    LEFT JOIN exceptions ON exceptions.position = members.position
    WHERE files.ingestion_id = members.ingestion_id
      AND files.file_id = members.file_id
    RETURNING files.state, files.uri, files.size_bytes, files.records_written,
        files.records_rejected, files.error_category
), figures AS (
    SELECT
        count(*) AS files,
        count(*) FILTER (WHERE state = 'PROCESSED') AS processed,
        count(*) FILTER (WHERE state = 'FAILED') AS failed,
        count(*) FILTER (WHERE state = 'MISSING') AS missing,
        coalesce(sum(records_written), 0)::bigint AS written,
        coalesce(sum(records_rejected), 0)::bigint AS rejected,
        coalesce(sum(size_bytes) FILTER (WHERE state = 'PROCESSED'), 0)::bigint AS bytes,
        array_agg(uri) FILTER (WHERE state <> 'PROCESSED') AS not_loaded
    FROM moved
), raised AS (
    UPDATE runs
    SET files_processed = files_processed + figures.processed,
        files_failed = files_failed + figures.failed,
        files_missing = files_missing + figures.missing,
        records_written = runs.records_written + figures.written,
        records_rejected = runs.records_rejected + figures.rejected,
        bytes_read = bytes_read + figures.bytes,
        snapshot_ids = CASE
            WHEN figures.written > 0 AND CAST(:published_snapshot_id AS bigint) <> 0 AND cardinality(snapshot_ids) < 100
            THEN snapshot_ids || CAST(:published_snapshot_id AS bigint)
            ELSE snapshot_ids
        END,
        warnings = coalesce((
            SELECT jsonb_agg(merged)
            FROM (
                SELECT kind, subject, sum(record_count) AS record_count, min(message) AS message
                FROM jsonb_to_recordset(runs.warnings || ended.warnings) AS told (
                    kind text, subject text, record_count bigint, message text
                )
                GROUP BY kind, subject
                ORDER BY sum(record_count) DESC, subject
                LIMIT 100
            ) AS merged
        ), '[]')
    FROM ended, figures
    WHERE runs.run_id = ended.run_id
), totals AS (
    UPDATE ingestion_totals
    SET files_processed = files_processed + figures.processed,
        files_failed = files_failed + figures.failed,
        files_missing = files_missing + figures.missing,
        records_written = ingestion_totals.records_written + figures.written,
        records_rejected = ingestion_totals.records_rejected + figures.rejected,
        bytes_read = bytes_read + figures.bytes
    FROM ended, figures
    WHERE ingestion_totals.ingestion_id = ended.ingestion_id
), categories AS (
    INSERT INTO ingestion_counters (ingestion_id, counter, labels, value)
    SELECT ended.ingestion_id, 'file_errors', moved.error_category, count(*)
    FROM ended, moved
    WHERE moved.error_category IS NOT NULL
    GROUP BY ended.ingestion_id, moved.error_category
    ON CONFLICT (ingestion_id, counter, labels) DO UPDATE SET value = ingestion_counters.value + excluded.value
)
SELECT ended.ingestion_id, ended.run_id, ended.file_count, ended.holds_changes, figures.files, figures.not_loaded
FROM ended, figures
