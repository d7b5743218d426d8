-- Finds the version that a forgotten lease loaded of each of its files; of several alike, the one that is loaded or leased.
SELECT found.file_id, found.state, found.lease_id, found.snapshot_id
FROM unnest(CAST(:uris AS text[]), CAST(:versions AS text[])) WITH ORDINALITY AS told (uri, version, position)
LEFT JOIN LATERAL (
    SELECT files.file_id, files.state, files.lease_id, files.snapshot_id
    FROM files
    WHERE files.ingestion_id = :ingestion_id
      AND files.uri = told.uri
      AND CASE WHEN etag <> '' THEN etag ELSE size_bytes || ':' || modification_time_ns END = told.version
    ORDER BY state IN ('LEASED', 'PROCESSED') DESC, generation DESC
    LIMIT 1
) AS found ON true
ORDER BY told.position
