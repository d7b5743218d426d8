-- OFFERED or HELD → ABANDONED with the cancelled run, whose row the caller has locked: its files wait again.
WITH ended AS (
    UPDATE leases
    SET state = 'ABANDONED',
        holder = NULL,
        request_id = NULL,
        deadline = NULL,
        end_time = now()
    WHERE run_id = :run_id
      AND state IN ('OFFERED', 'HELD')
    RETURNING lease_id, file_count, attempts, executors_lost
), moved AS (
    UPDATE files
    SET state = 'PENDING',
        lease_id = NULL,
        attempts = files.attempts + ended.attempts,
        executors_lost = greatest(files.executors_lost, ended.executors_lost)
    FROM ended
    WHERE files.lease_id = ended.lease_id
    RETURNING files.file_id
)
SELECT
    coalesce((SELECT sum(file_count) FROM ended), 0)::bigint AS file_count,
    (SELECT count(*) FROM moved) AS files
