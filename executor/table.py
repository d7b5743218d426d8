"""What we ask of an Iceberg table: its name, its state, its branches, and how it is created."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pyspark.errors import AnalysisException
from pyspark.sql import Row, SparkSession
from pyspark.sql.types import StructType

from executor.errors import attempt_failed
from executor.lease import Category, Column
from executor.sql import literal, quoted

# Spark's SQL shows no id of an Iceberg table, so a table carries one of ours. A table dropped and
# created again does not share it.
TABLE_ID = "autoloader.table-id"
LEASE_PROPERTY = "autoloader.lease"
ATTEMPT_PROPERTY = "autoloader.attempt"
_PROPERTIES = {
    "commit.retry.num-retries": "20",
    "history.expire.max-snapshot-age-ms": str(7 * 24 * 3600 * 1000),
    "write.metadata.delete-after-commit.enabled": "true",
}
_SUMMARY_KEYS = ", ".join(
    f"'{key}'"
    for key in (
        "added-records",
        "wap.id",
        "published-wap-id",
        "source-snapshot-id",
        LEASE_PROPERTY,
        ATTEMPT_PROPERTY,
    )
)
_BRANCH_RETAIN_DAYS = 3
_OUR_BRANCH = re.compile(r"al_[0-9a-f]{32}(_[0-9]+)?")
_NAME_PART = re.compile(r"`((?:[^`]|``)+)`|([^`.]+)")


@dataclass(frozen=True, slots=True)
class TableName:
    """A table by its parts: catalog, namespaces, name."""

    catalog: str
    parts: tuple[str, ...]

    @property
    def sql(self) -> str:
        return ".".join(quoted(part) for part in (self.catalog, *self.parts))

    @property
    def namespace_sql(self) -> str:
        return ".".join(quoted(part) for part in (self.catalog, *self.parts[:-1]))

    def call(self, procedure: str, **arguments: str) -> str:
        """SQL of a call of one of Iceberg's procedures on this table."""
        table = literal(".".join(quoted(part) for part in self.parts))
        more = "".join(f", {name} => {value}" for name, value in arguments.items())
        return f"CALL {quoted(self.catalog)}.system.{procedure}(table => {table}{more})"


def table_name(text: str, *, default_catalog: str) -> TableName:
    """Reads `catalog.namespace.table`, or `namespace.table` in the default catalog."""
    parts = [quoted_part.replace("``", "`") or plain_part for quoted_part, plain_part in _NAME_PART.findall(text)]
    if len(parts) < 2:
        raise attempt_failed(
            Category.WRITE_FAILURE,
            f"`{text}` does not name a table; write `namespace.table` or `catalog.namespace.table`.",
            retryable=False,
        )
    catalog, *rest = parts if len(parts) > 2 else [default_catalog, *parts]
    return TableName(catalog, tuple(rest))


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A snapshot as the table's metadata has it; `parent_id` is None at a root."""

    id: int
    parent_id: int | None
    summary: Mapping[str, str]

    @property
    def records_added(self) -> int:
        return int(self.summary.get("added-records", "0"))

    @property
    def wap_ids(self) -> frozenset[str]:
        found = (self.summary.get("wap.id"), self.summary.get("published-wap-id"))
        return frozenset(wap_id for wap_id in found if wap_id)

    @property
    def source_id(self) -> int | None:
        source = self.summary.get("source-snapshot-id")
        return int(source) if source else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Branching:
    """A table's references and snapshots."""

    refs: Mapping[str, int]
    snapshots: Mapping[int, Snapshot]

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

    @property
    def private_branches(self) -> tuple[str, ...]:
        return tuple(sorted(name for name in self.refs if _OUR_BRANCH.fullmatch(name)))


@dataclass(frozen=True, slots=True, kw_only=True)
class TableState:
    """All that a table remembers of main: also the ids of the snapshots that it ever pointed at."""

    id: str
    branching: Branching
    once_in_main: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFacts:
    """What staging needs to know of a table before it writes."""

    id: str
    schema: StructType
    is_empty: bool


def read_state(spark: SparkSession, table: TableName) -> TableState | None:
    """The table's metadata, or None when there is no such table.

    The parts are read one after the other, so a commit in between shows in some of them only:
    whoever concludes from an absence reads twice (see publish).
    """
    history = f"SELECT 'history', NULL, snapshot_id, NULL, NULL FROM {table.sql}.history"
    try:
        table_id = read_properties(spark, table).get(TABLE_ID, "")
        rows = spark.sql(f"{_refs_and_snapshots(table)} UNION ALL {history}").collect()
    except AnalysisException as error:
        if error.getCondition() == "TABLE_OR_VIEW_NOT_FOUND":
            return None
        raise
    return TableState(
        id=table_id,
        branching=_branching(rows),
        once_in_main=frozenset(row["snapshot_id"] for row in rows if row["kind"] == "history"),
    )


def read_branching(spark: SparkSession, table: TableName) -> Branching:
    return _branching(spark.sql(_refs_and_snapshots(table)).collect())


def _refs_and_snapshots(table: TableName) -> str:
    return f"""
        SELECT 'ref' AS kind, name, snapshot_id, NULL AS parent_id, NULL AS summary
        FROM {table.sql}.refs
        UNION ALL
        SELECT 'snapshot', NULL, snapshot_id, parent_id,
            map_filter(summary, (key, value) -> key IN ({_SUMMARY_KEYS}))
        FROM {table.sql}.snapshots"""


def _branching(rows: list[Row]) -> Branching:
    snapshots = [
        Snapshot(id=row["snapshot_id"], parent_id=row["parent_id"], summary=row["summary"] or {})
        for row in rows
        if row["kind"] == "snapshot"
    ]
    return Branching(
        refs={row["name"]: row["snapshot_id"] for row in rows if row["kind"] == "ref"},
        snapshots={snapshot.id: snapshot for snapshot in snapshots},
    )


def read_facts(spark: SparkSession, table: TableName) -> TableFacts | None:
    """What staging needs to know, or None when there is no such table; gives an id to one without."""
    if not spark.catalog.tableExists(table.sql):
        return None
    properties = read_properties(spark, table)
    if TABLE_ID not in properties:
        properties = _adopt(spark, table)
    return TableFacts(
        id=properties[TABLE_ID],
        schema=spark.table(table.sql).schema,
        is_empty=properties.get("current-snapshot-id") == "none",
    )


def read_properties(spark: SparkSession, table: TableName) -> dict[str, str]:
    rows = spark.sql(f"SHOW TBLPROPERTIES {table.sql}").collect()
    return {row["key"]: row["value"] for row in rows}


def create(
    spark: SparkSession,
    table: TableName,
    columns: Iterable[Column],
    *,
    properties: Mapping[str, str],
) -> None:
    """Creates the table unless it is there; several executors may race, and the first one wins."""
    wanted = {**_PROPERTIES, **properties, TABLE_ID: str(uuid.uuid4())}
    assignments = ", ".join(f"{literal(key)} = {literal(value)}" for key, value in wanted.items())
    definitions = ", ".join(f"{quoted(column.name)} {column.type}" for column in columns)
    spark.sql(f"CREATE NAMESPACE IF NOT EXISTS {table.namespace_sql}")
    spark.sql(f"CREATE TABLE IF NOT EXISTS {table.sql} ({definitions}) USING iceberg TBLPROPERTIES ({assignments})")


def create_branch(spark: SparkSession, table: TableName, branch: str) -> None:
    spark.sql(f"ALTER TABLE {table.sql} CREATE BRANCH IF NOT EXISTS {quoted(branch)} RETAIN {_BRANCH_RETAIN_DAYS} DAYS")


def drop_branch(spark: SparkSession, table: TableName, branch: str) -> None:
    """Drops one of our private branches; another name is never touched."""
    if _OUR_BRANCH.fullmatch(branch):
        spark.sql(f"ALTER TABLE {table.sql} DROP BRANCH IF EXISTS {quoted(branch)}")


def create_tag(spark: SparkSession, table: TableName, tag: str, *, snapshot_id: int) -> None:
    """Keeps a snapshot until a person drops the tag."""
    spark.sql(f"ALTER TABLE {table.sql} CREATE TAG IF NOT EXISTS {quoted(tag)} AS OF VERSION {snapshot_id}")


def pick_onto_main(spark: SparkSession, table: TableName, snapshot_id: int) -> None:
    spark.sql(table.call("cherrypick_snapshot", snapshot_id=str(snapshot_id))).collect()


def _adopt(spark: SparkSession, table: TableName) -> dict[str, str]:
    """Gives an id to a table that others created: the same one whoever of us comes first."""
    first = spark.sql(f"SELECT file FROM {table.sql}.metadata_log_entries LIMIT 1").collect()[0]
    table_id = uuid.uuid5(uuid.NAMESPACE_URL, first["file"])
    spark.sql(f"ALTER TABLE {table.sql} SET TBLPROPERTIES ('{TABLE_ID}' = '{table_id}')")
    return read_properties(spark, table)
