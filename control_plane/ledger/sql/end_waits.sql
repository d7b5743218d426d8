-- Forgets that files waited for changes which are decided; tells those that were failed for them and wait for no other.
WITH waited AS (
    DELETE FROM waiting_files
    WHERE ingestion_id = :ingestion_id
      AND change_id = ANY (CAST(:change_ids AS bigint[]))
    RETURNING file_id
)
SELECT files.file_id
FROM files
WHERE files.ingestion_id = :ingestion_id
  AND files.file_id IN (SELECT file_id FROM waited)
  AND files.state = 'FAILED'
  AND files.error_category = 'SCHEMA_MISMATCH'
  AND NOT EXISTS (
      SELECT 1
      FROM waiting_files
      JOIN schema_changes USING (ingestion_id, change_id)
      WHERE waiting_files.ingestion_id = files.ingestion_id
        AND waiting_files.file_id = files.file_id
        AND schema_changes.state = 'HELD'
  )
ORDER BY files.file_id
