"""The demo's files: what the acceptance stories call base data."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from control_plane.cli.samples import write_samples


def test_a_file_holds_a_thousand_records_from_its_number_on(tmp_path: Path) -> None:
    write_samples(tmp_path / "new", range(1, 3))
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["data-001.json", "data-002.json"]
    records = [json.loads(line) for line in (tmp_path / "new" / "data-001.json").read_text().splitlines()]
    assert [record["id"] for record in records] == list(range(1_000, 2_000))
    first = records[101]
    assert (first["id"], first["user_id"], first["event_type"], first["value"]) == (
        1_101,
        "user-1",
        "pageview",
        11560.5,
    )
    assert datetime.fromisoformat(first["timestamp"]).tzinfo
