-- HELD → OFFERED after a back-off: the attempt failed before it was staged. What cannot succeed has no attempts left.
UPDATE leases
SET state = 'OFFERED',
    attempts = CASE
        WHEN CAST(:retryable AS boolean) THEN attempts + CASE WHEN begun THEN 0 ELSE 1 END
        ELSE greatest(attempts, max_attempts)
    END,
    executors_lost = executors_lost + CASE WHEN CAST(:is_lost AS boolean) THEN 1 ELSE 0 END,
    not_before = now() + make_interval(
        secs => least(
            CAST(:longest_seconds AS float8), CAST(:first_seconds AS float8) * 2 ^ least(attempts, 30)
        )
    ),
    holder = NULL,
    request_id = NULL,
    deadline = NULL,
    error = CAST(:error AS jsonb)
WHERE lease_id = CAST(:lease_id AS uuid)
  AND fence = :fence
  AND attempt = CAST(:attempt AS uuid)
  AND state = 'HELD'
RETURNING run_id
