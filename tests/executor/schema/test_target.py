"""What a table becomes for columns: what its files are read as, what changes, or why it takes nothing."""

from __future__ import annotations

from pyspark.sql.types import BooleanType, DataType, IntegerType, LongType, StringType, StructType

from executor.schema.target import target_of
from executor.schema.words import Change, ChangeKind
from tests.executor.schema.schemas import struct

TABLE = struct([("id", IntegerType()), ("other", StringType())])


def columns(**kinds: DataType) -> StructType:
    return struct(list(kinds.items()))


def test_a_table_that_is_not_there_becomes_what_the_columns_are() -> None:
    seen = columns(id=LongType())
    target = target_of(seen, None, may_change=True)
    assert (target.read, target.changes, target.mismatch) == (seen, (), "")


def test_a_table_is_widened_and_added_to_and_read_by_what_it_becomes() -> None:
    target = target_of(columns(ID=LongType(), new=BooleanType()), TABLE, may_change=True)
    assert target.read == columns(ID=LongType(), new=BooleanType())
    assert set(target.changes) == {
        Change(kind=ChangeKind.WIDENED, path="id", old_type="int", new_type="bigint"),
        Change(kind=ChangeKind.ADDED, path="new", new_type="boolean"),
    }


def test_narrower_columns_are_read_as_the_table_has_them_and_change_nothing() -> None:
    target = target_of(columns(id=IntegerType()), columns(id=LongType()), may_change=True)
    assert (target.read, target.changes) == (columns(id=LongType()), ())


def test_a_table_that_may_not_change_or_cannot_says_why_it_takes_nothing() -> None:
    for seen, may_change in ((columns(new=BooleanType()), False), (columns(id=StringType()), True)):
        target = target_of(seen, TABLE, may_change=may_change)
        assert (target.read, target.changes) == (seen, ())
        assert target.mismatch
