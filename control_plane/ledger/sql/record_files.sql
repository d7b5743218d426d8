-- Records files not seen before, and new versions of files. Two listers of one run write the same keys: one of them wins.
WITH recorded AS (
    INSERT INTO files (
        ingestion_id, run_id, uri, generation, size_bytes, etag, modification_time_ns,
        state, error_category, error_message, error_retryable, end_time
    )
    SELECT
        CAST(:ingestion_id AS bigint), CAST(:run_id AS bigint), listed.uri, listed.generation, listed.size_bytes, listed.etag,
        listed.modification_time_ns, listed.state, nullif(listed.category, ''),
        nullif(listed.message, ''), CASE WHEN listed.category <> '' THEN false END,
        CASE WHEN listed.state = 'SKIPPED' THEN now() END
    FROM unnest(
        CAST(:uris AS text[]), CAST(:generations AS int[]), CAST(:sizes AS bigint[]),
        CAST(:etags AS text[]), CAST(:times AS bigint[]), CAST(:states AS text[]),
        CAST(:categories AS text[]), CAST(:messages AS text[])
    ) AS listed (
        uri, generation, size_bytes, etag, modification_time_ns, state, category, message
    )
    ON CONFLICT DO NOTHING
    RETURNING state
), figures AS (
    SELECT count(*) AS discovered, count(*) FILTER (WHERE state = 'SKIPPED') AS skipped
    FROM recorded
), totals AS (
    UPDATE ingestion_totals
    SET files_discovered = files_discovered + figures.discovered,
        files_skipped = files_skipped + figures.skipped
    FROM figures
    WHERE ingestion_id = CAST(:ingestion_id AS bigint)
)
UPDATE runs
SET files_discovered = files_discovered + figures.discovered,
    files_skipped = files_skipped + figures.skipped
FROM figures
WHERE run_id = CAST(:run_id AS bigint)
RETURNING figures.discovered, figures.skipped, pg_notify('autoloader', 'files_recorded')
