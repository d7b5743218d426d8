-- HELD → APPLIED, in the version told, or REJECTED, without one: a person's word about a change of the columns.
UPDATE schema_changes
SET state = CASE WHEN CAST(:version AS int) IS NULL THEN 'REJECTED' ELSE 'APPLIED' END,
    version = CAST(:version AS int),
    resolve_time = now()
WHERE ingestion_id = :ingestion_id
  AND change_id = :change_id
  AND state = 'HELD'
RETURNING change_id
