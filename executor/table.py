"""What we ask of an Iceberg table: its name, its state, its branches, and how it is created."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from executor import jvm
from executor.diagnose import is_from_spark
from executor.errors import attempt_failed
from executor.failpoints import failpoint
from executor.jvm import has_jvm
from executor.lease import Category
from executor.metadata import OUR_BRANCH, TABLE_ID, read_state, read_state_and_schema
from executor.schema.words import Column
from executor.sql import literal, quoted

_PROPERTIES = {
    "commit.retry.num-retries": "20",
    # Beside a busy writer, twenty pauses of up to a minute would outlast a publication's time.
    "commit.retry.max-wait-ms": "5000",
    "history.expire.max-snapshot-age-ms": str(7 * 24 * 3600 * 1000),
    "write.metadata.delete-after-commit.enabled": "true",
}
_BRANCH_RETAIN_DAYS = 3
_TRIES_MAX = 6
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
class TableFacts:
    """What staging needs to know of a table before it writes."""

    id: str
    schema: StructType
    is_empty: bool


def read_facts(spark: SparkSession, table: TableName) -> TableFacts | None:
    """What staging needs to know, or None when there is no such table; gives an id to one without."""
    found = read_state_and_schema(spark, table.sql)
    if found is not None and not found[0].id:
        _adopt(spark, table)
        found = read_state_and_schema(spark, table.sql)
    if found is None:
        return None
    state, schema = found
    return TableFacts(id=state.id, schema=schema, is_empty=state.head is None)


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
    creation = f"CREATE TABLE IF NOT EXISTS {table.sql} ({definitions}) USING iceberg TBLPROPERTIES ({assignments})"
    _insist(lambda: spark.sql(f"CREATE NAMESPACE IF NOT EXISTS {table.namespace_sql}"))
    _insist(lambda: spark.sql(creation))
    failpoint("executor.after_create_table")


def alter(spark: SparkSession, statements: Iterable[str]) -> None:
    """Changes columns; beside others who do so too, some of it may be left to do."""
    for statement in statements:
        with suppress(AnalysisException):  # it is done by now, or the next look says what is wrong
            _insist(partial(spark.sql, statement))
        failpoint("executor.after_alter_table")


def open_branch(spark: SparkSession, table: TableName, branch: str, *, is_empty: bool) -> None:
    """Creates a private branch. An empty main gets its empty root, so that there is a floor to check."""
    _insist(lambda: _create_branch(spark, table, branch))
    failpoint("executor.after_create_branch")
    if is_empty:
        _insist(lambda: _lay_floor(spark, table, branch))
        failpoint("executor.after_floor")


def _create_branch(spark: SparkSession, table: TableName, branch: str) -> None:
    if has_jvm(spark):
        jvm.create_branch(jvm.load_table(spark, table.sql), branch, retain_days=_BRANCH_RETAIN_DAYS)
        return
    spark.sql(f"ALTER TABLE {table.sql} CREATE BRANCH IF NOT EXISTS {quoted(branch)} RETAIN {_BRANCH_RETAIN_DAYS} DAYS")


def _lay_floor(spark: SparkSession, table: TableName, branch: str) -> None:
    state = read_state(spark, table.sql)
    if state is not None and state.head is None:
        pick_onto_main(spark, table, state.refs[branch])


def _insist(change: Callable[[], object]) -> None:
    """Repeats a change of metadata, with which others may conflict."""
    for attempt in range(_TRIES_MAX):
        try:
            change()
            return
        except Exception as error:
            if not is_from_spark(error) or attempt == _TRIES_MAX - 1:
                raise
            time.sleep(0.05 * 2**attempt)


def drop_branch(spark: SparkSession, table: TableName, branch: str) -> None:
    """Drops one of our private branches; another name is never touched."""
    if OUR_BRANCH.fullmatch(branch):
        spark.sql(f"ALTER TABLE {table.sql} DROP BRANCH IF EXISTS {quoted(branch)}")
        failpoint("executor.after_drop_branch")


def create_tag(spark: SparkSession, table: TableName, tag: str, *, snapshot_id: int) -> None:
    """Keeps a snapshot until a person drops the tag."""
    spark.sql(f"ALTER TABLE {table.sql} CREATE TAG IF NOT EXISTS {quoted(tag)} AS OF VERSION {snapshot_id}")
    failpoint("executor.after_tag")


def pick_onto_main(spark: SparkSession, table: TableName, snapshot_id: int) -> None:
    if has_jvm(spark):
        jvm.pick_onto_main(jvm.load_table(spark, table.sql), snapshot_id)
        return
    spark.sql(table.call("cherrypick_snapshot", snapshot_id=str(snapshot_id))).collect()


def _adopt(spark: SparkSession, table: TableName) -> None:
    """Gives an id to a table that others created: the same one whoever of us comes first."""
    first = spark.sql(f"SELECT file FROM {table.sql}.metadata_log_entries LIMIT 1").collect()[0]
    table_id = uuid.uuid5(uuid.NAMESPACE_URL, first["file"])
    spark.sql(f"ALTER TABLE {table.sql} SET TBLPROPERTIES ('{TABLE_ID}' = '{table_id}')")
