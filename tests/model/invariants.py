"""What holds of every ledger, whatever was asked of it: checked without the model, from one state to the next."""

from __future__ import annotations

from collections import Counter, defaultdict

from tests.model.facts import LeaseFacts, LedgerFacts

UNFINISHED = ("OFFERED", "HELD", "STAGED", "IN_DOUBT")


def broken(before: LedgerFacts, now: LedgerFacts) -> list[str]:
    """What is wrong with the ledger now, or with how it came about; empty when all is well."""
    told = [*_files(now), *_runs(now), *_hand_outs(now)]
    for key, lease in now.leases.items():
        if key in before.leases:
            told += [f"lease {key}: {wrong}" for wrong in _lease(before.leases[key], lease)]
    told += [f"lease {key} is forgotten" for key in before.leases.keys() - now.leases.keys()]
    told += [f"file {key} is forgotten" for key in before.files.keys() - now.files.keys()]
    told += [
        f"file {key} was loaded and is {now.files[key].state}"
        for key, file in before.files.items()
        if file.state == "PROCESSED" and key in now.files and now.files[key] != file
    ]
    return told


def _files(now: LedgerFacts) -> list[str]:
    """A file is LEASED exactly while it is in an unfinished lease, and such a lease has all its members."""
    members = Counter(file.lease_id for file in now.files.values() if file.lease_id)
    told = [
        f"file {key} is {file.state} in lease {file.lease_id}"
        for key, file in now.files.items()
        if (file.state == "LEASED") != (file.lease_id is not None)
    ]
    told += [
        f"lease {key} is {lease.state} and has {members[key]} of {lease.file_count} files"
        for key, lease in now.leases.items()
        if members[key] != (lease.file_count if lease.state in UNFINISHED else 0)
    ]
    return told


def _runs(now: LedgerFacts) -> list[str]:
    """One run is under way at most, and what it counts is what its published leases brought."""
    active = [key for key, run in now.runs.items() if run.state in ("PENDING", "RUNNING")]
    told = [f"runs {active} are under way at once"] if len(active) > 1 else []
    for key, run in now.runs.items():
        published = [lease for lease in now.leases.values() if (lease.run_id, lease.state) == (key, "PUBLISHED")]
        sums = (
            sum(lease.file_count - lease.files_excepted for lease in published),
            sum(sum(lease.records_written or ()) for lease in published),
            sum(lease.records_rejected for lease in published),
        )
        figures = (run.figures.files_processed, run.figures.records_written, run.figures.records_rejected)
        if figures != sums:
            told.append(f"run {key} counts {figures}, its leases {sums}")
    return told


def _hand_outs(now: LedgerFacts) -> list[str]:
    """Every hand-out of a lease had a fence of its own, and none is above the lease's."""
    fences = defaultdict(list)
    for lease_id, fence, _ in now.attempts.values():
        fences[lease_id].append(fence)
    return [
        f"lease {key} was handed out under {sorted(used)}, its fence is {now.leases[key].fence}"
        for key, used in fences.items()
        if len(used) != len(set(used)) or max(used) > now.leases[key].fence
    ]


def _lease(before: LeaseFacts, now: LeaseFacts) -> list[str]:
    told = []
    if now.fence < before.fence or (now.attempt != before.attempt and now.fence == before.fence):
        told.append(f"its fence went from {before.fence} to {now.fence}")
    if before.state in ("PUBLISHED", "ABANDONED", "FAILED") and now != before:
        told.append(f"it had ended as {before.state} and changed")
    if before.staged and _replaced(before, now):
        told.append(f"what was staged went from {before.staged} to {now.staged} in {now.state}")
    if now.holder and before.holder and now.holder != before.holder and not before.expired:
        told.append(f"it was taken from {before.holder}, who had time left, for {now.holder}")
    return told


def _replaced(before: LeaseFacts, now: LeaseFacts) -> bool:
    """S goes only with the fence, to another try or with a cancelled run."""
    assert before.staged
    if now.staged is None:
        return now.state not in ("OFFERED", "ABANDONED") or now.fence <= before.fence
    kept = (before.staged.attempt, before.staged.staged_snapshot_id, before.staged.base_snapshot_id)
    return kept != (now.staged.attempt, now.staged.staged_snapshot_id, now.staged.base_snapshot_id)
