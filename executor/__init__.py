"""The executor: takes leases, loads their files into Iceberg tables with Spark, and keeps nothing.

    control plane          executor                                     table
    AcquireLease  ──────▶  worker: one lease at a time
    RenewLease    ◀──────  heartbeat: once before all else, then thrice a ttl
                           attempt ─▶ load.stage: rows on a private branch ─▶ S, unseen
    StageLease    ◀──────    │        THE decision: S counts from now on, or never will
                             └─────▶ publish.publish: S into main ─────────▶ P, seen
    CompleteLease ◀──────  attempt

Before it reads rows, `load` asks each file what fields it has (`layouts`, `field_check`), fits the
columns to them and has the ledger agree (`evolution`), and only then alters the table
(`destination`). Whoever finds that half done goes on. Columns that say where rows come from
(`provenance`) are never the files': they are filled as rows are written.

Whenever it dies, is cut off or falls asleep, another takes over once the lease's time is up:

- before StageLease: it leaves the branch of a dead attempt, unseen; the files are loaded again;
- after StageLease: another publishes the very same snapshot, which the table takes once;
- after publishing: another finds the snapshot in main, and only completes.

Records that cannot be read are staged in a table of their own where the ingestion wants them kept
(`rejects`). One decision is about both; the rows are published first, so that where they are not in
main, nothing is, and all of it can be loaded again.

Before StageLease it leaves a manifest beside the table, and after publishing a mark. From them
`python -m executor reconcile` tells a ledger what it forgot, and `audit` compares the two.

A preview is held like a lease, too, and writes nothing: `preview` reads as `load` would, and
CompletePreview brings what it saw to who waits for it.

So an executor that lost its lease and does not know it can do no harm: its StageLease is refused,
and its publication is the same one. Each call is repeated until answered, and has one effect.

`worker`, `attempt`, `heartbeat`, `lease_client` and `wire` live on the event loop and know nothing
of Spark. `load`, `publish` and what is below them block, run in threads, and know nothing of the
wire. `loader` stands between, and starts Spark with the first lease: a run with nothing new never
wakes it. `app` builds them all. SIGTERM drains: the lease at hand is finished and no other taken;
a second one stops at once.
"""
