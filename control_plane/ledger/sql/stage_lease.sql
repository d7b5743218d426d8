-- THE decision: this snapshot counts. The deadline is not looked at: a lease that nobody took over may still win.
-- A lease in main that the ledger does not know says that the ledger forgot what it loaded: then nothing is decided.
-- Nor is it where the table is another than that of the run's other leases, of which any tells, since all agree.
WITH unknown AS MATERIALIZED (
    SELECT told.lease_id
    FROM unnest(CAST(:leases_in_main AS uuid[])) WITH ORDINALITY AS told (lease_id, position)
    LEFT JOIN leases ON leases.lease_id = told.lease_id
    WHERE coalesce(leases.state NOT IN ('STAGED', 'PUBLISHED', 'IN_DOUBT'), true)
    ORDER BY told.position
    LIMIT 5
), former AS MATERIALIZED (
    SELECT staged_tables.table_uuid
    FROM leases
    JOIN leases AS sibling ON sibling.run_id = leases.run_id
    JOIN staged_tables ON staged_tables.lease_id = sibling.lease_id
    WHERE leases.lease_id = CAST(:lease_id AS uuid)
      AND sibling.lease_id <> leases.lease_id
      AND sibling.state IN ('STAGED', 'PUBLISHED', 'IN_DOUBT')
      AND staged_tables.table_name = CAST(:table_name AS text)
      AND staged_tables.table_uuid <> ''
      AND CAST(:table_uuid AS text) <> ''
    LIMIT 1
), replaced AS MATERIALIZED (
    SELECT table_uuid FROM former WHERE table_uuid <> CAST(:table_uuid AS text)
), decided AS (
    UPDATE leases
    SET state = 'STAGED',
        records_written = CAST(:records_written AS bigint[]),
        records_rejected = CAST(:records_rejected AS bigint[]),
        exceptions = CAST(:exceptions AS jsonb),
        warnings = CAST(:warnings AS jsonb),
        held_changes = CAST(:held_changes AS jsonb),
        error = NULL
    WHERE lease_id = CAST(:lease_id AS uuid)
      AND fence = :fence
      AND attempt = CAST(:attempt AS uuid)
      AND state = 'HELD'
      AND NOT EXISTS (SELECT 1 FROM unknown)
      AND NOT EXISTS (SELECT 1 FROM replaced)
    RETURNING lease_id, ingestion_id, attempt
), stored AS (
    INSERT INTO staged_tables (
        lease_id, purpose, attempt, table_name, table_uuid, base_snapshot_id, staged_snapshot_id, records_added
    )
    SELECT
        lease_id, 'ROWS', attempt, CAST(:table_name AS text), CAST(:table_uuid AS text),
        CAST(:base_snapshot_id AS bigint), CAST(:staged_snapshot_id AS bigint),
        CAST(:records_added AS bigint)
    FROM decided
    UNION ALL
    SELECT
        lease_id, 'REJECTS', attempt, CAST(:rejects_table_name AS text), CAST(:rejects_table_uuid AS text),
        CAST(:rejects_base_snapshot_id AS bigint), CAST(:rejects_staged_snapshot_id AS bigint),
        CAST(:rejects_records_added AS bigint)
    FROM decided
    WHERE CAST(:rejects_table_name AS text) IS NOT NULL
), verified AS (
    -- The base has been compared with the ledger as far as the last one: the next lease looks no further back.
    INSERT INTO verified_heads (table_name, snapshot_id)
    SELECT ingestions.config -> 'destination' ->> 'table', CAST(:base_snapshot_id AS bigint)
    FROM decided
    JOIN ingestions ON ingestions.ingestion_id = decided.ingestion_id
    WHERE CAST(:base_snapshot_id AS bigint) <> 0
    ON CONFLICT (table_name) DO UPDATE SET snapshot_id = excluded.snapshot_id
    WHERE verified_heads.snapshot_id <> excluded.snapshot_id
)
SELECT
    EXISTS (SELECT 1 FROM decided) AS is_decided,
    ARRAY(SELECT lease_id FROM unknown) AS unknown,
    (SELECT table_uuid FROM replaced) AS former_uuid
