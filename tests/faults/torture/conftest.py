"""What the short tortures share: how long they last, and where they take place."""

from __future__ import annotations

from pathlib import Path

import pytest

FAULT_SECONDS = 30.0


def folder_of_a_cast(factory: pytest.TempPathFactory) -> Path:
    """One that the ledger's own user may look into."""
    folder = factory.mktemp("torture")
    folder.chmod(0o711)
    return folder
