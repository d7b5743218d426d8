"""A lakehouse on this machine for tests: sessions on a SQLite catalog, folders, files, leases."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from executor import load, publish
from executor.lease import Format, LeasedFile, LoadWork, PublishWork, S3Access, StagedTable, StageResult
from executor.publish import InDoubt, NotPublished, Published
from executor.schema.words import Change, Column, ColumnsInForce, Evolve
from executor.spark import Sessions, SparkSettings

CATALOG = "lake"
INGESTION = "events"
RECORDS = [{"id": number, "name": f"n{number}"} for number in range(10)]


def settings_in(folder: Path, data_folder: Path, **conf: str) -> SparkSettings:
    """Settings of Spark with an Iceberg catalog in a SQLite file in `folder`."""
    prefix = f"spark.sql.catalog.{CATALOG}"
    return SparkSettings(
        master="local[2]",
        data_folder=data_folder,
        default_catalog=CATALOG,
        conf={
            prefix: "org.apache.iceberg.spark.SparkCatalog",
            f"{prefix}.type": "jdbc",
            f"{prefix}.uri": f"jdbc:sqlite:{folder / 'catalog.db'}"
            "?journal_mode=WAL&busy_timeout=30000&transaction_mode=IMMEDIATE",
            f"{prefix}.warehouse": f"file://{folder}",
            f"{prefix}.jdbc.schema-version": "V1",
            "spark.sql.shuffle.partitions": "2",
            **conf,
        },
    )


def leased(path: Path) -> LeasedFile:
    """The file as a listing would show it now."""
    found = path.stat()
    return LeasedFile(
        uri=f"file://{path}",
        size_bytes=found.st_size,
        etag="",
        modification_time_ns=found.st_mtime_ns,
    )


def write_lines(path: Path, records: Iterable[Mapping[str, Any] | str]) -> Path:
    """A file of JSON lines; a string is a line as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [line if isinstance(line, str) else json.dumps(line) for line in records]
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def next_version(columns: tuple[Column, ...], base_version: int, shown_by: Mapping[Change, int]) -> ColumnsInForce:
    """A ledger that takes every proposal."""
    return ColumnsInForce(columns=columns, version=base_version + 1)


def nothing_to_check() -> None:
    """A lease that is always held."""


@dataclass
class Lake:
    """A namespace of its own in the shared catalog, and a folder of its own for files."""

    sessions: Sessions
    folder: Path
    table: str = field(default_factory=lambda: f"n{uuid.uuid4().hex}.events")

    @property
    def sql_name(self) -> str:
        return f"{CATALOG}.{self.table}"

    def sql(self, text: str) -> list[Any]:
        return self.sessions.loader.sql(text.replace("{t}", self.sql_name)).collect()

    def ids(self) -> list[int]:
        """The ids in main, sorted."""
        return sorted(row[0] for row in self.sql("SELECT id FROM {t}"))

    def head(self, branch: str = "main") -> int:
        (row,) = self.sql(f"SELECT snapshot_id FROM {{t}}.refs WHERE name = '{branch}'")
        return int(row[0])

    def write(self, name: str, records: Iterable[Mapping[str, Any] | str]) -> LeasedFile:
        return leased(write_lines(self.folder / name, records))

    def work(self, files: Sequence[LeasedFile], **changes: Any) -> LoadWork:
        whole: dict[str, Any] = {
            "source_uri": f"file://{self.folder}",
            "s3": S3Access(),
            "format": Format(kind="json"),
            "table": self.table,
            "table_properties": {},
            "columns": (),
            "files": tuple(files),
        }
        return LoadWork(**whole | changes)

    def stage(
        self,
        files: Sequence[LeasedFile],
        *,
        lease_id: str | None = None,
        check_held: Callable[[], None] = nothing_to_check,
        evolve: Evolve = next_version,
        **changes: Any,
    ) -> StageResult:
        return load.stage(
            self.work(files, **changes),
            sessions=self.sessions,
            run=f"ingestions/{INGESTION}/runs/1",
            lease_id=lease_id or str(uuid.uuid4()),
            attempt=str(uuid.uuid4()),
            evolve=evolve,
            check_held=check_held,
            phase=lambda name: None,
        )

    def publish(
        self, staged: StagedTable, *, lease_id: str, rejects: StagedTable | None = None
    ) -> Published | NotPublished | InDoubt:
        return publish.publish(
            PublishWork(rows=staged, rejects=rejects),
            sessions=self.sessions,
            ingestion=INGESTION,
            lease_id=lease_id,
            check_held=nothing_to_check,
            pause=lambda seconds: None,
        )

    def load(self, files: Sequence[LeasedFile], **changes: Any) -> StageResult:
        """Stages and publishes."""
        lease_id = str(uuid.uuid4())
        result = self.stage(files, lease_id=lease_id, **changes)
        rejects = result.rejects.staged if result.rejects else None
        assert isinstance(self.publish(result.staged, lease_id=lease_id, rejects=rejects), Published)
        return result
