"""Reads what an Iceberg table remembers: its references, snapshots, and what main ever pointed at."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice, takewhile
from typing import Any

from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from executor import jvm
from executor.jvm import has_jvm

# Spark's SQL shows no id of an Iceberg table, so a table carries one of ours. A table dropped and
# created again does not share it.
TABLE_ID = "autoloader.table-id"
LEASE_PROPERTY = "autoloader.lease"
ATTEMPT_PROPERTY = "autoloader.attempt"
_SUMMARY_KEYS = (
    "added-records",
    "total-records",
    "wap.id",
    "published-wap-id",
    "source-snapshot-id",
    LEASE_PROPERTY,
    ATTEMPT_PROPERTY,
)
OUR_BRANCH = re.compile(r"al_[0-9a-f]{32}(_[0-9]+)?")
# They must fit into one message beside the texts of thousands of failures.
_LEASES_MAX = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A snapshot as the table's metadata has it; `parent_id` is None at a root."""

    id: int
    parent_id: int | None
    timestamp_ms: int
    summary: Mapping[str, str]

    @property
    def records_added(self) -> int:
        return int(self.summary.get("added-records", "0"))

    @property
    def records_total(self) -> int:
        return int(self.summary.get("total-records", "0"))

    @property
    def time(self) -> str:
        return datetime.fromtimestamp(self.timestamp_ms / 1000, UTC).isoformat(timespec="seconds")

    @property
    def wap_ids(self) -> frozenset[str]:
        found = (self.summary.get("wap.id"), self.summary.get("published-wap-id"))
        return frozenset(wap_id for wap_id in found if wap_id)

    @property
    def source_id(self) -> int | None:
        source = self.summary.get("source-snapshot-id")
        return int(source) if source else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableState:
    """A table's id, where it is, its references, snapshots, and the ids of all that main ever pointed at."""

    id: str
    location: str
    refs: Mapping[str, int]
    snapshots: Mapping[int, Snapshot]
    once_in_main: frozenset[int]

    @property
    def head(self) -> int | None:
        return self.refs.get("main")

    @property
    def is_torn(self) -> bool:
        """Main was read before, and the snapshots after, somebody moved it and expired its head."""
        return self.head is not None and self.head not in self.snapshots

    def main_chain(self) -> Iterator[Snapshot]:
        """Main's head and its ancestors, up to a root or to a snapshot that has expired."""
        next_id = self.head
        while next_id is not None and (snapshot := self.snapshots.get(next_id)) is not None:
            yield snapshot
            next_id = snapshot.parent_id

    def lease_of(self, snapshot: Snapshot) -> str | None:
        """The lease whose rows the snapshot added, if one of ours did."""
        if (picked := self.snapshots.get(snapshot.source_id or 0)) is not None:
            lease = picked.summary.get(LEASE_PROPERTY, "")
        else:
            # A picked snapshot lacks our property, and its source may be gone. Others publish too,
            # under ids of their own.
            lease = snapshot.summary.get(LEASE_PROPERTY) or snapshot.summary.get("published-wap-id", "")
        return lease if _is_uuid(lease) else None

    @property
    def private_branches(self) -> tuple[str, ...]:
        return tuple(sorted(name for name in self.refs if OUR_BRANCH.fullmatch(name)))


def leases_since(state: TableState, snapshot_id: int) -> tuple[str, ...]:
    """The leases in main after this snapshot, or as far back as its history goes; newest first.

    At most 10,000: a ledger that forgot some forgot the newest.
    """
    after = takewhile(lambda snapshot: snapshot.id != snapshot_id, state.main_chain())
    leases = dict.fromkeys(lease for lease in map(state.lease_of, after) if lease)
    return tuple(islice(leases, _LEASES_MAX))


def _is_uuid(text: str) -> bool:
    with suppress(ValueError):
        return str(uuid.UUID(text)) == text
    return False


def read_state(spark: SparkSession, table_sql: str) -> TableState | None:
    """The table's state, or None when there is no such table."""
    with _may_be_absent():
        if has_jvm(spark):
            return _state_of_document(jvm.metadata_document(spark, jvm.load_table(spark, table_sql)))
        return _state_by_sql(spark, table_sql)
    return None


def read_state_and_schema(spark: SparkSession, table_sql: str) -> tuple[TableState, StructType] | None:
    """The table's state and its columns, or None when there is no such table."""
    with _may_be_absent():
        if has_jvm(spark):
            table = jvm.load_table(spark, table_sql)
            return _state_of_document(jvm.metadata_document(spark, table)), jvm.spark_schema(spark, table)
        return _state_by_sql(spark, table_sql), spark.table(table_sql).schema
    return None


@contextmanager
def _may_be_absent() -> Iterator[None]:
    try:
        yield
    except AnalysisException as error:
        if error.getCondition() != "TABLE_OR_VIEW_NOT_FOUND":
            raise


def _state_of_document(document: dict[str, Any]) -> TableState:
    return TableState(
        id=document["properties"].get(TABLE_ID, ""),
        location=document["location"],
        refs={name: ref["snapshot-id"] for name, ref in document["refs"].items()},
        snapshots={
            snapshot["snapshot-id"]: Snapshot(
                id=snapshot["snapshot-id"],
                parent_id=snapshot.get("parent-snapshot-id"),
                timestamp_ms=snapshot["timestamp-ms"],
                summary={key: snapshot["summary"][key] for key in _SUMMARY_KEYS if key in snapshot["summary"]},
            )
            for snapshot in document["snapshots"]
        },
        once_in_main=frozenset(entry["snapshot-id"] for entry in document["snapshot-log"]),
    )


def _state_by_sql(spark: SparkSession, table_sql: str) -> TableState:
    """The same over Spark Connect, which has no JVM to ask.

    The parts are read one after the other, so a commit in between shows in some of them only:
    whoever concludes from an absence reads twice (see publish).
    """
    keys = ", ".join(f"'{key}'" for key in _SUMMARY_KEYS)
    properties = {row["key"]: row["value"] for row in spark.sql(f"SHOW TBLPROPERTIES {table_sql}").collect()}
    # Columns come first: one of such a name does not count.
    described = {row["col_name"]: row["data_type"] for row in spark.sql(f"DESCRIBE EXTENDED {table_sql}").collect()}
    rows = spark.sql(
        f"""
        SELECT 'ref' AS kind, name, snapshot_id, NULL AS parent_id, NULL AS at, NULL AS summary FROM {table_sql}.refs
        UNION ALL
        SELECT 'snapshot', NULL, snapshot_id, parent_id, unix_millis(committed_at),
            map_filter(summary, (key, value) -> key IN ({keys}))
        FROM {table_sql}.snapshots
        UNION ALL
        SELECT 'history', NULL, snapshot_id, NULL, NULL, NULL FROM {table_sql}.history"""
    ).collect()
    snapshots = [
        Snapshot(
            id=row["snapshot_id"],
            parent_id=row["parent_id"],
            timestamp_ms=row["at"],
            summary=row["summary"] or {},
        )
        for row in rows
        if row["kind"] == "snapshot"
    ]
    return TableState(
        id=properties.get(TABLE_ID, ""),
        location=described["Location"],
        refs={row["name"]: row["snapshot_id"] for row in rows if row["kind"] == "ref"},
        snapshots={snapshot.id: snapshot for snapshot in snapshots},
        once_in_main=frozenset(row["snapshot_id"] for row in rows if row["kind"] == "history"),
    )
