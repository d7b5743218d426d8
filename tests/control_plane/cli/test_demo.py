"""`autoloader demo`: the README's first command."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.control_plane.cli.conftest import run


@pytest.mark.timeout(600)
async def test_the_story_is_told_by_the_ledger_and_by_the_table(tmp_path: Path) -> None:
    result = await run("demo", "--data", str(tmp_path / "data"))
    assert result.exit_code == 0, result.output
    assert "3,000 rows, 3,000 distinct ids, as PyIceberg reads it" in result.stdout
    assert "5,000 rows, 5,000 distinct ids, as PyIceberg reads it" in result.stdout
    assert "Loaded 2 files: 2,000 records" in result.stdout
    assert "grpcurl -plaintext" in result.stdout
