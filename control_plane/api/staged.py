"""What may be said of a staged snapshot: its table, rows a file, and the files without rows."""

from __future__ import annotations

from collections.abc import Iterator

from autoloader.v1 import leases_pb2, recovery_pb2

from control_plane.errors import Violation

# Of one file: the sum over a lease stays within 64 bits.
RECORDS_MAX = 10**15
NAME_CHARACTERS_MAX = 1_000


def check_staged(
    message: leases_pb2.StageLeaseRequest | recovery_pb2.ForgottenLease, *, field: str = ""
) -> Iterator[Violation]:
    """Names what is wrong, by paths below `field`."""
    staged, counts = message.staged, message.records_written
    for name, text in (("table", staged.table), ("table_uuid", staged.table_uuid)):
        if len(text) > NAME_CHARACTERS_MAX or "\0" in text:
            yield Violation(f"{field}staged.{name}", f"has a NUL, or more than {NAME_CHARACTERS_MAX} characters")
    if not all(0 <= count <= RECORDS_MAX for count in (staged.records_added, *counts)):
        yield Violation(f"{field}records_written", f"counts are 0 to {RECORDS_MAX}")
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
