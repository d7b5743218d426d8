"""What a caller can be told, as one tree.

    AutoloaderError
    ├── InvalidField         a field of the request cannot be accepted: names it, the value and the remedy
    ├── NotFound             nothing of that name, or another tenant's
    ├── AlreadyExists        the name is taken
    ├── EtagMismatch         somebody changed the resource in between
    ├── RunActive            the ingestion has an unfinished run
    ├── IngestionPaused      the ingestion does not accept runs
    ├── WrongState           the resource is not in a state that allows the call
    ├── PageTokenInvalid     the token was made for another list
    ├── RequestIdReused      the request id belongs to another request
    ├── LeaseFenced          the lease has moved on
    ├── TableSealed          the table has rows of leases that the ledger does not know
    ├── TableReplaced        the table is not the one for which the run staged rows before
    ├── ExecutorUnavailable  no executor took the work, or the one that did fell silent
    ├── Overloaded           no room for the call now
    ├── ShuttingDown         this server stops; another, or the next, answers
    └── LedgerUnavailable    PostgreSQL cannot be reached now

Each class names its `reason` in errors.proto; api/interceptors/errors.py turns it into a status, once.
"""

from __future__ import annotations

from dataclasses import dataclass


class AutoloaderError(Exception):
    """Base: `reason` is a name of ErrorReason without its prefix; `metadata` has the dynamic parts."""

    reason = "INTERNAL"

    def __init__(self, message: str, **metadata: str) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = metadata


@dataclass(frozen=True, slots=True)
class Violation:
    """A field that cannot be accepted, by its path in the request, and why."""

    field: str
    description: str


class InvalidField(AutoloaderError):
    reason = "INVALID_FIELD"

    def __init__(self, *violations: Violation) -> None:
        first = violations[0]
        super().__init__(f"{first.field}: {first.description}", field=first.field)
        self.violations = violations


class NotFound(AutoloaderError):
    reason = "NOT_FOUND"


class AlreadyExists(AutoloaderError):
    reason = "ALREADY_EXISTS"


class EtagMismatch(AutoloaderError):
    reason = "ETAG_MISMATCH"


class RunActive(AutoloaderError):
    reason = "RUN_ACTIVE"


class IngestionPaused(AutoloaderError):
    reason = "INGESTION_PAUSED"


class WrongState(AutoloaderError):
    reason = "WRONG_STATE"


class PageTokenInvalid(AutoloaderError):
    reason = "PAGE_TOKEN_INVALID"


class RequestIdReused(AutoloaderError):
    reason = "REQUEST_ID_REUSED"


class LeaseFenced(AutoloaderError):
    reason = "LEASE_FENCED"


class TableSealed(AutoloaderError):
    reason = "TABLE_SEALED"


class TableReplaced(AutoloaderError):
    reason = "TABLE_REPLACED"


class ExecutorUnavailable(AutoloaderError):
    reason = "EXECUTOR_UNAVAILABLE"


class Overloaded(AutoloaderError):
    reason = "OVERLOADED"


class ShuttingDown(AutoloaderError):
    reason = "SHUTTING_DOWN"


class LedgerUnavailable(AutoloaderError):
    reason = "LEDGER_UNAVAILABLE"
