"""What may be said of a staged snapshot: its table, rows a file, and the files without rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autoloader.v1 import leases_pb2, recovery_pb2

from control_plane.errors import Violation

# Of one file: the sum over a lease stays within 64 bits.
RECORDS_MAX = 10**15
NAME_CHARACTERS_MAX = 1_000


def check_staged(
    message: leases_pb2.StageLeaseRequest | recovery_pb2.ForgottenLease, *, field: str = ""
) -> Iterator[Violation]:
    """Names what is wrong, by paths below `field`."""
    counts = message.records_written
    yield from _check_table(message.staged, counts, field=f"{field}staged", counts_field=f"{field}records_written")
    if message.HasField("rejects"):
        yield from _check_rejects(message.rejects, written=counts, field=f"{field}rejects")
    seen: set[int] = set()
    for position, exception in enumerate(message.exceptions):
        path = f"{field}exceptions[{position}]"
        if not 0 <= exception.index < len(counts) or exception.index in seen:
            yield Violation(f"{path}.index", f"{exception.index} names no file, or one named before")
        elif counts[exception.index]:
            yield Violation(f"{path}.index", f"the file at {exception.index} has rows; one of both is wrong")
        if not 0 <= exception.records_rejected <= RECORDS_MAX:
            yield Violation(f"{path}.records_rejected", f"is not 0 to {RECORDS_MAX}")
        seen.add(exception.index)


def _check_rejects(rejects: leases_pb2.Rejects, *, written: Sequence[int], field: str) -> Iterator[Violation]:
    staged = rejects.staged
    yield from _check_table(staged, rejects.records, field=f"{field}.staged", counts_field=f"{field}.records")
    if not staged.table or not staged.staged_snapshot_id:
        yield Violation(f"{field}.staged", "names no table, or no snapshot; leave `rejects` out when there are none")
    for position, (records, rows) in enumerate(zip(rejects.records, written, strict=False)):
        if records and not rows:
            yield Violation(f"{field}.records[{position}]", f"{records} records of a file of which none is loaded")


def _check_table(
    staged: leases_pb2.StagedTable, counts: Sequence[int], *, field: str, counts_field: str
) -> Iterator[Violation]:
    for name, text in (("table", staged.table), ("table_uuid", staged.table_uuid)):
        if len(text) > NAME_CHARACTERS_MAX or "\0" in text:
            yield Violation(f"{field}.{name}", f"has a NUL, or more than {NAME_CHARACTERS_MAX} characters")
    if not all(0 <= count <= RECORDS_MAX for count in (staged.records_added, *counts)):
        yield Violation(counts_field, f"counts are 0 to {RECORDS_MAX}")
