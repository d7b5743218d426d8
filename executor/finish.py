"""Brings to main what forgotten leases had kept aside: they may have died between their two publications."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from executor.ledger import ForgottenLease
from executor.publish import Published, publish_table
from executor.spark import Sessions


def publish_rejects(
    leases: Sequence[ForgottenLease], *, sessions: Sessions, ingestion: str, is_dry_run: bool
) -> tuple[list[ForgottenLease], list[str]]:
    """The leases with the snapshots that hold their rejects, and a sentence about each whose rejects are not there.

    Publishes nothing in a dry run: the snapshots are then those that were staged. Raises AttemptFailed when a table
    cannot be reached.
    """
    finished, lost = [], []
    for lease in leases:
        if lease.rejects is None:
            finished.append(lease)
            continue
        staged = lease.rejects.staged
        published = (
            Published(snapshot_id=staged.staged_snapshot_id)
            if is_dry_run
            else publish_table(
                staged,
                sessions=sessions,
                ingestion=ingestion,
                lease_id=lease.id,
                check_held=lambda: None,
                pause=time.sleep,
            )
        )
        found = published.snapshot_id if isinstance(published, Published) else 0
        finished.append(replace(lease, published_rejects_snapshot_id=found))
        if not found:
            lost.append(
                f"Lease {lease.id}: the {staged.records_added:,} records that it kept aside are not in {staged.table}, "
                "and what was staged of them is gone. They are still in its files."
            )
    return finished, lost
