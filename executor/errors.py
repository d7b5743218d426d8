"""What the executor raises.

ExecutorError
├── StartRefused     Spark, its jars or Java are not what they must be; nothing was started
└── AttemptFailed    a lease cannot be staged or published now; carries the Failure to report
"""

from __future__ import annotations

from executor.lease import Category, Failure


class ExecutorError(Exception):
    """Anything that the executor raises on purpose."""


class StartRefused(ExecutorError):
    """Spark cannot start, or must not; the message says what to change."""


class AttemptFailed(ExecutorError):
    """The whole lease failed; `failure` says why, and whether trying again can help."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def attempt_failed(category: Category, message: str, *, retryable: bool, cause: str = "") -> AttemptFailed:
    """An AttemptFailed in one line."""
    return AttemptFailed(Failure(category=category, message=message, cause=cause, retryable=retryable))
