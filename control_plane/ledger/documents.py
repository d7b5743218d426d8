"""Errors as the ledger's JSON columns hold them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from control_plane.domain.file import OUTSIDE_CATEGORIES, LoadError
from control_plane.domain.lease import FileException


def error_json(error: LoadError) -> str:
    """An error as the ledger stores it; whether it is retryable follows from its category alone."""
    return json.dumps(_document(error) | {"retryable": error.category in OUTSIDE_CATEGORIES})


def exceptions_json(exceptions: Sequence[FileException]) -> str:
    """What became of a lease's files that yield no rows, as the ledger stores it."""
    return json.dumps(
        [
            _document(exception.error)
            | {
                "index": exception.index,
                "outcome": exception.outcome,
                "retryable": exception.outcome == "FAILED" and exception.error.category in OUTSIDE_CATEGORIES,
                "records_rejected": exception.records_rejected,
            }
            for exception in exceptions
        ]
    )


def _document(error: LoadError) -> dict[str, Any]:
    return {
        "category": error.category,
        "message": error.message,
        "cause": error.cause[:2000],
        "retryable": error.retryable,
    }
