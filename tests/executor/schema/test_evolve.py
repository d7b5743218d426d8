"""What columns become when files show others: the rules one by one, and the laws that hold for any."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pyspark.sql.types import (
    ArrayType,
    ByteType,
    CalendarIntervalType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    MapType,
    NullType,
    ShortType,
    StringType,
    StructType,
    TimestampNTZType,
    TimestampType,
    VarcharType,
)

from executor.schema.changes import Policy, policy_of, reads_as_text
from executor.schema.evolve import COLUMNS_MAX, reconcile, reconcile_files
from executor.schema.types import kept
from executor.schema.words import Change, ChangeKind, OnSchemaChange, SchemaTerms
from tests.executor.schema.schemas import KINDS, NAMES, SCHEMAS, struct

APPEND = Policy(on_schema_change=OnSchemaChange.APPEND_NEW_COLUMNS)
IGNORE = Policy(on_schema_change=OnSchemaChange.IGNORE)
FAIL = Policy(on_schema_change=OnSchemaChange.FAIL)
ID = StructType().add("id", LongType())
laws = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])


def columns(**kinds: DataType) -> StructType:
    return struct(list(kinds.items()))


def added(path: str, new_type: str) -> Change:
    return Change(kind=ChangeKind.ADDED, path=path, new_type=new_type)


def test_the_first_file_makes_the_columns_whatever_the_policy() -> None:
    for policy in (APPEND, IGNORE, FAIL):
        told = reconcile(columns(id=ByteType(), name=VarcharType(9), void=NullType()), StructType(), policy)
        assert told.columns == columns(id=IntegerType(), name=StringType())
        assert told.fits


def test_new_fields_follow_the_columns_at_every_depth() -> None:
    before = columns(
        a=columns(x=LongType()), l=ArrayType(columns(x=LongType())), m=MapType(StringType(), columns(x=LongType()))
    )
    inner = columns(y=DateType(), X=LongType())
    told = reconcile(columns(m=MapType(StringType(), inner), A=inner, l=ArrayType(inner), n=inner), before, APPEND)
    grown = columns(x=LongType(), y=DateType())
    assert told.columns == columns(a=grown, l=ArrayType(grown), m=MapType(StringType(), grown), n=inner)
    assert {change.path for change in told.changes} == {"a.y", "l.element.y", "m.value.y", "n"}


def test_a_file_that_lacks_columns_makes_no_change() -> None:
    told = reconcile(columns(id=LongType()), columns(id=LongType(), name=StringType()), APPEND)
    assert (told.changes, told.unknown, told.conflicts) == ((), (), ())


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        (IntegerType(), LongType()),
        (FloatType(), DoubleType()),
        (DecimalType(5, 2), DecimalType(9, 2)),
    ],
)
def test_what_iceberg_can_widen_is_widened_and_the_narrower_is_read_as_the_wider(
    narrow: DataType, wide: DataType
) -> None:
    told = reconcile(columns(x=wide), columns(x=narrow), APPEND)
    assert told.columns == columns(x=wide)
    assert [change.kind for change in told.changes] == [ChangeKind.WIDENED]
    back = reconcile(columns(x=narrow), columns(x=wide), APPEND)
    assert (back.columns, back.changes, back.conflicts) == (columns(x=wide), (), ())


@pytest.mark.parametrize("small", [ByteType(), ShortType()])
def test_a_byte_is_read_as_an_int(small: DataType) -> None:
    for column in (IntegerType(), LongType()):
        assert reconcile(columns(x=small), columns(x=column), APPEND).columns == columns(x=column)


@pytest.mark.parametrize(
    ("seen", "column"),
    [
        (LongType(), DoubleType()),
        (DoubleType(), LongType()),
        (IntegerType(), StringType()),
        (StringType(), IntegerType()),
        (DecimalType(9, 3), DecimalType(9, 2)),
        (DecimalType(8, 1), DecimalType(9, 2)),
        (TimestampType(), TimestampNTZType()),
        (DateType(), TimestampType()),
        (columns(x=LongType()), LongType()),
        (ArrayType(LongType()), LongType()),
        (MapType(IntegerType(), LongType()), MapType(StringType(), LongType())),
        (CalendarIntervalType(), LongType()),
    ],
)
def test_any_other_pair_is_a_conflict_that_names_path_types_and_remedy(seen: DataType, column: DataType) -> None:
    told = reconcile(columns(a=columns(x=seen), new=LongType()), columns(a=columns(x=column)), APPEND)
    (conflict,) = told.conflicts
    assert conflict.path == "a.x"
    assert conflict.message.startswith("`a.x` is ") and conflict.column in conflict.message
    assert "write it as" in conflict.remedy
    assert told.columns == columns(a=columns(x=column)), "a file that cannot be loaded changes nothing"


def test_the_values_of_files_whose_types_are_guesses_are_not_refused_as_a_whole() -> None:
    text = replace(APPEND, reads=reads_as_text)
    told = reconcile(columns(x=StringType()), columns(x=LongType()), text)
    assert (told.columns, told.conflicts) == (columns(x=LongType()), ())


def test_of_two_spellings_in_one_file_the_later_refuses_it() -> None:
    told = reconcile(struct([("a", LongType()), ("A", LongType())]), ID, APPEND)
    assert [conflict.path for conflict in told.conflicts] == ["A"]
    nested = struct([("x", struct([("a", LongType()), ("A", LongType())]))])
    assert [conflict.path for conflict in reconcile(nested, ID, APPEND).conflicts] == ["x.A"]


def test_spellings_of_different_files_are_one_column() -> None:
    told = reconcile_files({0: columns(region=StringType()), 1: columns(Region=StringType())}, ID, APPEND)
    assert told.columns == columns(id=LongType(), region=StringType())
    assert told.conflicts == {}


def test_names_that_are_not_plain_stand_in_backquotes() -> None:
    told = reconcile(struct([("a.b", LongType()), ("c`d", struct([("e", LongType())]))]), ID, APPEND)
    assert [change.path for change in told.changes] == ["`a.b`", "`c``d`"]
    again = reconcile(struct([("c`d", columns(f=LongType()))]), told.columns, APPEND)
    assert [change.path for change in again.changes] == ["`c``d`.f"]


def test_ignore_names_what_it_leaves_out() -> None:
    told = reconcile(columns(id=LongType(), a=columns(x=LongType())), ID, IGNORE)
    assert (told.columns, told.unknown, told.fits) == (ID, ("a",), True)


def test_ignore_widens_nothing() -> None:
    told = reconcile(columns(id=LongType()), columns(id=IntegerType()), IGNORE)
    (conflict,) = told.conflicts
    assert "APPEND_NEW_COLUMNS" in conflict.remedy


def test_fail_says_what_would_have_to_change() -> None:
    told = reconcile(columns(id=LongType(), region=StringType()), columns(id=IntegerType()), FAIL)
    assert told.columns == columns(id=IntegerType())
    assert not told.fits
    assert [(change.kind, change.path) for change in told.wanted] == [
        (ChangeKind.WIDENED, "id"),
        (ChangeKind.ADDED, "region"),
    ]
    assert reconcile(columns(id=IntegerType()), columns(id=IntegerType()), FAIL).fits


def test_declared_columns_are_neither_widened_nor_added_to() -> None:
    before = columns(Id=IntegerType(), a=columns(x=LongType()))
    fixed = replace(APPEND, fixed=frozenset({"id", "a"}))
    told = reconcile(columns(a=columns(x=LongType(), y=LongType()), new=LongType()), before, fixed)
    assert told.unknown == ("a.y",)
    assert told.changes == (added("new", "bigint"),)
    (conflict,) = reconcile(columns(id=LongType()), before, fixed).conflicts
    assert conflict.remedy == "declare or hint the wider type"


def test_fail_refuses_a_new_field_within_a_declared_column() -> None:
    fixed = replace(FAIL, fixed=frozenset({"a"}))
    told = reconcile(columns(a=columns(y=LongType())), columns(a=columns(x=LongType())), fixed)
    assert [conflict.path for conflict in told.conflicts] == ["a.y"]
    assert told.wanted == ()


def test_a_hint_wins_over_what_the_file_has() -> None:
    hinted = replace(APPEND, hints={"region": StringType()}, reads=reads_as_text, fixed=frozenset({"region"}))
    told = reconcile(columns(Region=LongType()), ID, hinted)
    assert told.columns == columns(id=LongType(), Region=StringType())
    typed = replace(hinted, reads=APPEND.reads)
    assert [conflict.path for conflict in reconcile(columns(Region=LongType()), ID, typed).conflicts] == ["Region"]


def test_the_terms_of_a_lease_are_a_policy() -> None:
    terms = SchemaTerms(
        on_schema_change=OnSchemaChange.FAIL, fixed_columns=("Id", "AT"), ignored_fields=("Address.Zip",)
    )
    policy = policy_of(terms, hints=columns(AT=TimestampType()), reads=reads_as_text)
    assert policy.fixed == {"id", "at"}
    assert policy.ignored == {"address.zip"}
    assert policy.hints == {"at": TimestampType()}


def test_a_rejected_field_is_left_out_under_every_policy() -> None:
    for policy in (APPEND, FAIL):
        told = reconcile(columns(Region=StringType()), ID, replace(policy, ignored=frozenset({"region"})))
        assert (told.columns, told.unknown, told.fits) == (ID, ("Region",), True)


def test_what_is_null_throughout_says_nothing() -> None:
    seen = columns(id=NullType(), x=NullType(), y=ArrayType(NullType()), z=columns(a=NullType(), b=LongType()))
    told = reconcile(seen, ID, APPEND)
    assert told.changes == (added("z", "struct<`b`: bigint>"),)


@pytest.mark.parametrize("kind", [CalendarIntervalType(), MapType(IntegerType(), LongType())])
def test_a_type_that_no_table_has_is_a_conflict(kind: DataType) -> None:
    (conflict,) = reconcile(columns(x=columns(y=kind)), ID, APPEND).conflicts
    assert (conflict.path, conflict.column) == ("x", "")
    assert "hint" in conflict.remedy


def test_columns_nest_32_deep_and_no_deeper() -> None:
    kind: DataType = LongType()
    for _ in range(31):
        kind = ArrayType(kind)
    assert reconcile(columns(x=kind), ID, APPEND).fits
    assert "32 deep" in reconcile(columns(x=ArrayType(kind)), ID, APPEND).conflicts[0].message
    shallow = columns(x=columns(y=LongType()))
    assert "32 deep" in reconcile(columns(x=columns(z=kind)), shallow, APPEND).conflicts[0].message


def test_a_type_has_20_000_characters_and_no_more() -> None:
    wide = struct([(f"field_{number}", LongType()) for number in range(1_500)])
    (conflict,) = reconcile(columns(x=wide), ID, APPEND).conflicts
    assert "20,000 characters" in conflict.message
    assert len(conflict.message) < 200
    half = struct([(f"field_{number}", LongType()) for number in range(700)])
    (conflict,) = reconcile(columns(x=wide), columns(x=half), APPEND).conflicts
    assert conflict.path == "x"


def test_a_table_has_10_000_columns_and_no_more() -> None:
    full = struct([(f"c{number}", LongType()) for number in range(COLUMNS_MAX)])
    assert reconcile(full, StructType(), APPEND).fits
    assert "10,000" in reconcile(ID, full, APPEND).conflicts[0].message


def test_a_conflict_belongs_to_its_file_alone() -> None:
    files = {3: columns(id=StringType(), bad=LongType()), 4: columns(id=LongType(), good=LongType())}
    told = reconcile_files(files, ID, APPEND)
    assert told.columns == columns(id=LongType(), good=LongType())
    assert told.conflicts.keys() == {3}
    assert told.shown_by == {added("good", "bigint"): 4}


def test_the_files_that_want_a_change_are_named_together() -> None:
    region = columns(region=StringType())
    told = reconcile_files({0: region, 1: ID, 2: columns(region=StringType(), x=LongType())}, ID, FAIL)
    assert told.columns == ID
    assert told.wanted == {added("region", "string"): [0, 2], added("x", "bigint"): [2]}


def test_the_first_files_make_the_columns_together() -> None:
    told = reconcile_files({0: ID, 1: columns(name=StringType())}, StructType(), FAIL)
    assert told.columns == columns(id=LongType(), name=StringType())


@laws
@given(SCHEMAS, SCHEMAS)
def test_what_was_reconciled_once_changes_nothing_again(seen: StructType, before: StructType) -> None:
    once = reconcile(seen, _as_columns(before), APPEND)
    again = reconcile(seen, once.columns, APPEND)
    assert (again.columns, again.changes) == (once.columns, ())


@laws
@given(SCHEMAS, SCHEMAS, SCHEMAS)
def test_the_order_of_files_matters_to_the_order_of_columns_alone(
    one: StructType, other: StructType, before: StructType
) -> None:
    there = reconcile_files({0: one, 1: other}, _as_columns(before), APPEND)
    back = reconcile_files({1: other, 0: one}, _as_columns(before), APPEND)
    assume(not there.conflicts and not back.conflicts)
    assert _plain(there.columns) == _plain(back.columns)


@laws
@given(SCHEMAS, SCHEMAS, SCHEMAS)
def test_two_files_change_what_their_union_changes(one: StructType, other: StructType, before: StructType) -> None:
    told = reconcile_files({0: one, 1: other}, _as_columns(before), APPEND)
    union = reconcile(other, reconcile(one, StructType(), APPEND).columns, APPEND)
    assume(not told.conflicts and union.fits and reconcile(one, StructType(), APPEND).fits)
    at_once = reconcile(union.columns, _as_columns(before), APPEND)
    assert _plain(at_once.columns) == _plain(told.columns)


@laws
@given(SCHEMAS, SCHEMAS)
def test_columns_are_never_narrowed_dropped_or_moved(seen: StructType, before: StructType) -> None:
    held = _as_columns(before)
    told = reconcile(seen, held, APPEND)
    assert told.columns.names[: len(held.names)] == held.names
    back = reconcile(held, told.columns, APPEND)
    assert (back.changes, back.conflicts) == ((), ())


@laws
@given(SCHEMAS, SCHEMAS)
def test_what_becomes_of_columns_is_what_a_table_keeps(seen: StructType, before: StructType) -> None:
    told = reconcile(seen, _as_columns(before), APPEND)
    assert not told.columns.fields or kept(told.columns) == told.columns
    if not told.conflicts:
        fitting = reconcile(seen, told.columns, IGNORE)
        assert (fitting.unknown, fitting.conflicts) == ((), ())


@laws
@given(SCHEMAS, SCHEMAS.filter(lambda schema: bool(schema.fields)))
def test_ignore_and_fail_never_change_columns(seen: StructType, before: StructType) -> None:
    held = _as_columns(before)
    assume(held.fields)
    for policy in (IGNORE, FAIL):
        told = reconcile(seen, held, policy)
        assert (told.columns, told.changes) == (held, ())


@laws
@given(SCHEMAS, SCHEMAS)
def test_fail_asks_for_what_append_would_do(seen: StructType, before: StructType) -> None:
    held = _as_columns(before)
    assume(held.fields)
    appended, asked = reconcile(seen, held, APPEND), reconcile(seen, held, FAIL)
    assert (asked.wanted, asked.conflicts) == (appended.changes, appended.conflicts)


@laws
@given(st.sampled_from(NAMES), KINDS)
def test_a_column_reads_what_made_it(name: str, kind: DataType) -> None:
    made = reconcile(struct([(name, kind)]), StructType(), APPEND)
    assert reconcile(struct([(name, kind)]), made.columns, IGNORE).fits


def _as_columns(schema: StructType) -> StructType:
    found = kept(schema)
    return found if isinstance(found, StructType) else StructType()


def _plain(kind: DataType) -> object:
    """A type without the order and the spelling of its fields."""
    match kind:
        case StructType():
            return {field.name.lower(): _plain(field.dataType) for field in kind}
        case ArrayType():
            return [_plain(kind.elementType)]
        case MapType():
            return (_plain(kind.valueType),)
        case _:
            return kind.simpleString()
