-- Opens a run, unless the ingestion has an unfinished one: the unique index runs_active decides between two callers.
INSERT INTO runs (ingestion_id, state, trigger)
VALUES (:ingestion_id, 'PENDING', :trigger)
ON CONFLICT (ingestion_id) WHERE state IN ('PENDING', 'RUNNING') DO NOTHING
RETURNING run_id, pg_notify('autoloader', 'runs_opened')
