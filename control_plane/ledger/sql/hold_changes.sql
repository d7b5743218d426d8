-- Lets files of a lease that ended wait for the changes which they ask for: one row a change, whichever lease asks, and what
-- a person decided about it stays decided. In the order of their keys, so that no two leases wait for each other.
WITH told AS (
    SELECT leases.ingestion_id, leases.run_id, decode(asked.key, 'hex') AS key, asked.kind, asked.path, asked.old_type,
        asked.new_type, asked.file_ids
    FROM leases, jsonb_to_recordset(leases.held_changes) AS asked (
        key text, kind text, path text, old_type text, new_type text, file_ids bigint[]
    )
    WHERE leases.lease_id = CAST(:lease_id AS uuid)
), held AS (
    INSERT INTO schema_changes (ingestion_id, change_key, state, kind, path, old_type, new_type, file_id, run_id)
    SELECT ingestion_id, key, 'HELD', kind, path, old_type, new_type, file_ids[1], run_id
    FROM told
    ORDER BY key
    ON CONFLICT (ingestion_id, change_key) DO UPDATE SET change_key = excluded.change_key
    RETURNING change_id, change_key, state
), waiting AS (
    INSERT INTO waiting_files (ingestion_id, change_id, file_id)
    SELECT told.ingestion_id, held.change_id, member.file_id
    FROM told
    JOIN held ON held.change_key = told.key
    CROSS JOIN unnest(told.file_ids) AS member (file_id)
    ON CONFLICT DO NOTHING
)
SELECT change_id
FROM held
WHERE state <> 'HELD'
