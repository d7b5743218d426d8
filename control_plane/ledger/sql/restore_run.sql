-- Keeps what is taken back under a run of its own, which is at rest from the start: it loads nothing.
WITH opened AS (
    INSERT INTO runs (ingestion_id, state, trigger, start_time, list_end_time, end_time)
    VALUES (:ingestion_id, 'SUCCEEDED', 'RECONCILE', now(), now(), now())
    RETURNING run_id, ingestion_id
), counted AS (
    INSERT INTO ingestion_counters (ingestion_id, counter, labels, value)
    SELECT ingestion_id, 'runs', 'SUCCEEDED,RECONCILE', 1
    FROM opened
    ON CONFLICT (ingestion_id, counter, labels) DO UPDATE SET value = ingestion_counters.value + excluded.value
)
SELECT run_id, pg_notify('autoloader', 'runs_changed 0') AS notified
FROM opened
