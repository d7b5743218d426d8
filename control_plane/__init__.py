"""The control plane: four nouns (ingestion, run, file, lease) and the verbs that move them.

Read down one noun (`api/runs` → `ledger/runs` → `domain/run`) to follow a request; read along one floor to see the
breadth. Imports go downward only, and the linter's contracts in pyproject.toml hold them to it:

    __main__ > cli > embedded > app       each may see those below; nobody else imports them
    api      | loops                      doors translate, loops act unasked; blind to each other
    ledger   | sources | vault            memory, where files are, sealed credentials
    domain                                words and pure rules
    settings | errors | metrics | log | wake

    caller ─▶ access_log → metrics → errors → auth ─▶ api/runs.CancelRun ─▶ ledger/leases.cancel_run ─▶ PostgreSQL
    RunIngestion ─open_run─▶ discoverer ─sources.list, record_files─▶ planner ─packing, offer_leases─▶ ledger
    executor ─AcquireLease─▶ acquire_lease ─StageLease─▶ stage_lease (THE decision) ─CompleteLease─▶ complete_lease
    PreviewIngestion ─sources.first_files, previews.ask─▶ executor ─CompletePreview─▶ PreviewIngestion, which waited
    reaper ─▶ reap_leases, split_lease, give_up_leases
    autoloader reconcile ─manifests beside the table, RestoreLeases─▶ restore_lease: what the ledger had forgotten

Every replica runs every loop. A unique index lets one run of an ingestion be unfinished; the rest is claimed row by
row. Time is the database's clock. News travel by NOTIFY and are hints; polling is the truth.

States. Each arrow is one statement in ledger/sql/, guarded by the state that it leaves:

    run    PENDING   → RUNNING                                      start_run
    run    PENDING   → CANCELLED                                    finish_run
    run    RUNNING   → SUCCEEDED PARTIALLY_SUCCEEDED FAILED CANCELLED    finish_run

    file   PENDING   → LEASED                                       offer_leases
    file   LEASED    → PROCESSED FAILED MISSING                     complete_lease restore_lease
    file   LEASED    → FAILED                                       give_up_leases
    file   LEASED    → PENDING                                      abandon_leases split_lease
    file   FAILED    → PENDING                                      retake_files retry_files
    file   MISSING   → PENDING                                      revive_files retry_files
    file   SKIPPED   → PENDING                                      revive_files revive_versions retry_files
    file   PENDING   → MISSING                                      supersede_files
    file   FAILED    → MISSING                                      supersede_files
    file   SKIPPED   → MISSING                                      supersede_files
    file   PENDING   → PROCESSED FAILED MISSING                     restore_lease
    file   FAILED    → PROCESSED MISSING                            restore_lease
    file   MISSING   → PROCESSED                                    restore_lease
    file   SKIPPED   → PROCESSED                                    restore_lease
    file   PENDING   → SKIPPED                                      skip_versions skip_files
    file   FAILED    → SKIPPED                                      skip_versions skip_files
    file   MISSING   → SKIPPED                                      skip_files

    lease  OFFERED   → HELD                                         acquire_lease
    lease  OFFERED   → FAILED                                       give_up_leases
    lease  OFFERED   → ABANDONED                                    abandon_leases
    lease  HELD      → STAGED                                       stage_lease
    lease  HELD      → OFFERED                                      fail_lease release_lease reap_leases
    lease  HELD      → ABANDONED                                    abandon_leases split_lease
    lease  STAGED    → STAGED                                       acquire_lease release_lease reap_leases
    lease  STAGED    → PUBLISHED                                    complete_lease
    lease  STAGED    → OFFERED                                      unstage_lease
    lease  STAGED    → IN_DOUBT                                     doubt_lease
    lease  IN_DOUBT  → STAGED                                       resolve_lease
    lease  IN_DOUBT  → PUBLISHED                                    complete_lease
    lease  IN_DOUBT  → OFFERED                                      unstage_lease
    lease  OFFERED   → PUBLISHED                                    restore_lease
    lease  HELD      → PUBLISHED                                    restore_lease
    lease  ABANDONED → PUBLISHED                                    restore_lease
    lease  FAILED    → PUBLISHED                                    restore_lease

    change HELD      → APPLIED REJECTED                             decide_change

A file is LEASED exactly while it has a lease_id. Membership is frozen when the lease is offered, and a file leaves
LEASED only in the statement that ends its lease, which must move as many files as the lease has. A cause outside a
file (credentials, rights, store or table away) lets the next run take it up again; one inside it waits for RetryFiles
or a new version. A file that asks for a change of the columns which the ingestion does not make by itself is FAILED and
waits, with the change, for a person; the decision takes it up again. What the ingestion ruled out comes back by itself
when its rule no longer holds; what a person ruled out by SkipFiles, which the ledger knows by its category, only by
RetryFiles.
A set that an executor died with is ABANDONED, and domain/isolation packs its files into smaller ones, until the file
that executors die of is alone.
"""
