-- Takes back a lease that is in the table and that the ledger forgot: PUBLISHED, its files as its manifest has them.
-- The caller has locked the ingestion, none of whose runs is unfinished, and told which of the files the ledger has.
WITH taken AS (
    INSERT INTO leases (
        lease_id, ingestion_id, run_id, pool, state, fence, attempt, attempts, begun, max_attempts,
        file_count, size_bytes, records_written, records_rejected, exceptions, warnings, end_time
    )
    SELECT
        CAST(:lease_id AS uuid), ingestion_id, CAST(:run_id AS bigint), pool, 'PUBLISHED', 1, CAST(:attempt AS uuid), 1,
        true, 1, cardinality(CAST(:uris AS text[])),
        (SELECT coalesce(sum(size), 0) FROM unnest(CAST(:sizes AS bigint[])) AS told (size)),
        CAST(:records_written AS bigint[]), CAST(:records_rejected AS bigint[]), CAST(:exceptions AS jsonb), '[]', now()
    FROM ingestions
    WHERE ingestion_id = :ingestion_id
    ON CONFLICT (lease_id) DO UPDATE
    SET state = 'PUBLISHED',
        run_id = excluded.run_id,
        -- Whoever still holds it has lost it.
        fence = leases.fence + 1,
        attempt = excluded.attempt,
        holder = NULL,
        request_id = NULL,
        deadline = NULL,
        file_count = excluded.file_count,
        size_bytes = excluded.size_bytes,
        records_written = excluded.records_written,
        records_rejected = excluded.records_rejected,
        exceptions = excluded.exceptions,
        warnings = excluded.warnings,
        error = NULL,
        end_time = now()
    WHERE leases.state IN ('OFFERED', 'HELD', 'ABANDONED', 'FAILED')
    RETURNING lease_id, attempt, fence
), noted AS (
    INSERT INTO attempts (attempt, lease_id, fence, holder)
    SELECT attempt, lease_id, fence, 'autoloader reconcile'
    FROM taken
    ON CONFLICT DO NOTHING
), stored AS (
    INSERT INTO staged_tables (
        lease_id, purpose, attempt, table_name, table_uuid, base_snapshot_id, staged_snapshot_id, records_added,
        published_snapshot_id
    )
    SELECT
        lease_id, 'ROWS', attempt, CAST(:table_name AS text), CAST(:table_uuid AS text),
        CAST(:base_snapshot_id AS bigint), CAST(:staged_snapshot_id AS bigint), CAST(:records_added AS bigint),
        CAST(:published_snapshot_id AS bigint)
    FROM taken
    UNION ALL
    SELECT
        lease_id, 'REJECTS', attempt, CAST(:rejects_table_name AS text), CAST(:rejects_table_uuid AS text),
        CAST(:rejects_base_snapshot_id AS bigint), CAST(:rejects_staged_snapshot_id AS bigint),
        CAST(:rejects_records_added AS bigint), CAST(:published_rejects_snapshot_id AS bigint)
    FROM taken
    WHERE CAST(:rejects_table_name AS text) IS NOT NULL
), told AS (
    SELECT
        each.position, each.file_id, each.uri, each.size_bytes, each.etag, each.modification_time_ns, each.records,
        coalesce(exceptions.outcome, 'PROCESSED') AS outcome, coalesce(exceptions.records_rejected, each.rejected, 0) AS rejected,
        CASE WHEN each.records > 0 THEN CAST(:published_snapshot_id AS bigint) END AS snapshot_id,
        exceptions.category, exceptions.message, nullif(exceptions.cause, '') AS cause, exceptions.retryable
    FROM taken, unnest(
        CAST(:file_ids AS bigint[]), CAST(:uris AS text[]), CAST(:sizes AS bigint[]), CAST(:etags AS text[]),
        CAST(:times AS bigint[]), CAST(:records_written AS bigint[]), CAST(:records_rejected AS bigint[])
    ) WITH ORDINALITY AS each (file_id, uri, size_bytes, etag, modification_time_ns, records, rejected, position)
    LEFT JOIN jsonb_to_recordset(CAST(:exceptions AS jsonb)) AS exceptions (
        index int, outcome text, category text, message text, cause text, retryable boolean, records_rejected bigint
    ) ON exceptions.index + 1 = each.position
), moved AS (
    UPDATE files
    SET state = told.outcome,
        run_id = CAST(:run_id AS bigint),
        lease_id = NULL,
        end_time = now(),
        attempts = files.attempts + 1,
        records_written = told.records,
        records_rejected = told.rejected,
        snapshot_id = told.snapshot_id,
        error_category = told.category,
        error_message = told.message,
        error_cause = told.cause,
        error_retryable = told.retryable
    FROM told
    WHERE files.ingestion_id = :ingestion_id
      AND files.file_id = told.file_id
      AND (
          files.state IN ('PENDING', 'FAILED')
          OR (told.outcome = 'PROCESSED' AND files.state IN ('MISSING', 'SKIPPED'))
          OR files.lease_id = CAST(:lease_id AS uuid)
      )
    RETURNING files.state, files.uri, files.size_bytes, files.records_written, files.records_rejected,
        files.error_category
), added AS (
    INSERT INTO files (
        ingestion_id, run_id, uri, generation, size_bytes, etag, modification_time_ns, state, end_time, attempts,
        records_written, records_rejected, snapshot_id, error_category, error_message, error_cause, error_retryable
    )
    SELECT
        CAST(:ingestion_id AS bigint), CAST(:run_id AS bigint), told.uri,
        row_number() OVER (PARTITION BY told.uri ORDER BY told.position) + coalesce((
            SELECT max(known.generation)
            FROM files AS known
            WHERE known.ingestion_id = :ingestion_id AND known.uri = told.uri
        ), 0),
        told.size_bytes, told.etag, told.modification_time_ns, told.outcome, now(), 1,
        told.records, told.rejected, told.snapshot_id, told.category, told.message, told.cause, told.retryable
    FROM told
    WHERE told.file_id IS NULL
    RETURNING state, uri, size_bytes, records_written, records_rejected, error_category
), ended AS (
    SELECT * FROM moved
    UNION ALL
    SELECT * FROM added
), figures AS (
    SELECT
        (SELECT count(*) FROM added) AS discovered,
        count(*) FILTER (WHERE state = 'PROCESSED') AS processed,
        count(*) FILTER (WHERE state = 'FAILED') AS failed,
        count(*) FILTER (WHERE state = 'MISSING') AS missing,
        coalesce(sum(records_written), 0)::bigint AS written,
        coalesce(sum(records_rejected), 0)::bigint AS rejected,
        coalesce(sum(size_bytes) FILTER (WHERE state = 'PROCESSED'), 0)::bigint AS bytes
    FROM ended
), raised AS (
    UPDATE runs
    SET files_discovered = files_discovered + figures.discovered,
        files_processed = files_processed + figures.processed,
        files_failed = files_failed + figures.failed,
        files_missing = files_missing + figures.missing,
        records_written = runs.records_written + figures.written,
        records_rejected = runs.records_rejected + figures.rejected,
        bytes_read = bytes_read + figures.bytes,
        snapshot_ids = CASE
            WHEN cardinality(snapshot_ids) < 100 THEN snapshot_ids || CAST(:published_snapshot_id AS bigint)
            ELSE snapshot_ids
        END
    FROM figures
    WHERE runs.run_id = CAST(:run_id AS bigint)
), totals AS (
    UPDATE ingestion_totals
    SET files_discovered = files_discovered + figures.discovered,
        files_processed = files_processed + figures.processed,
        files_failed = files_failed + figures.failed,
        files_missing = files_missing + figures.missing,
        records_written = ingestion_totals.records_written + figures.written,
        records_rejected = ingestion_totals.records_rejected + figures.rejected,
        bytes_read = bytes_read + figures.bytes
    FROM figures
    WHERE ingestion_totals.ingestion_id = :ingestion_id
), categories AS (
    INSERT INTO ingestion_counters (ingestion_id, counter, labels, value)
    SELECT CAST(:ingestion_id AS bigint), 'file_errors', error_category, count(*)
    FROM ended
    WHERE error_category IS NOT NULL
    GROUP BY error_category
    ON CONFLICT (ingestion_id, counter, labels) DO UPDATE SET value = ingestion_counters.value + excluded.value
)
SELECT (SELECT count(*) FROM taken) AS leases, figures.processed
FROM figures
