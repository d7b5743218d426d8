"""What lies between two sets of columns, what both become together, and what a policy refuses."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from control_plane.domain.columns import read_type
from control_plane.domain.evolution import (
    EvolutionRule,
    absent,
    differences,
    split_path,
    together,
    with_change,
    with_hints,
)
from control_plane.domain.ingestion import Column, OnSchemaChange
from control_plane.domain.schema import Change, ChangeKind
from control_plane.domain.types import Array, Map, Struct, quoted

APPEND = OnSchemaChange.APPEND_NEW_COLUMNS
NAMES = ("id", "Id", "name", "a.b", "c`d", "ä", "element", "value")
LEAVES = ("boolean", "int", "bigint", "float", "double", "decimal(5,2)", "decimal(9,2)", "decimal(9,3)", "string")
laws = settings(max_examples=100, deadline=None)


def structs(types: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    fields = st.lists(
        st.tuples(st.sampled_from(NAMES), types), min_size=1, max_size=3, unique_by=lambda field: field[0].lower()
    )
    return fields.map(lambda all: f"struct<{','.join(f'{quoted(name)}:{type}' for name, type in all)}>")


TYPES = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.one_of(structs(inner), inner.map("array<{}>".format), inner.map("map<string,{}>".format)),
    max_leaves=5,
)
COLUMNS = st.lists(
    st.builds(Column, name=st.sampled_from(NAMES), type=TYPES), max_size=4, unique_by=lambda each: each.name.lower()
).map(tuple)


def columns(**types: str) -> tuple[Column, ...]:
    return tuple(Column(name=name, type=type) for name, type in types.items())


def change(kind: str, path: str, old_type: str = "", new_type: str = "") -> Change:
    return Change(kind=ChangeKind(kind), path=path, old_type=old_type, new_type=new_type)


def test_every_kind_of_difference_has_its_path_and_types() -> None:
    old = columns(id="int", a="struct<x:array<struct<y:float>>>", m="map<string,struct<z:int>>", gone="date", was="int")
    new = columns(
        ID="bigint", a="struct<x:array<struct<y:double,`n n`:int>>>", m="map<string,struct<Z:bigint>>", was="string"
    )
    assert differences(old, new) == (
        change("WIDENED", "ID", "int", "bigint"),
        change("WIDENED", "a.x.element.y", "float", "double"),
        change("ADDED", "a.x.element.`n n`", "", "int"),
        change("WIDENED", "m.value.Z", "int", "bigint"),
        change("RETYPED", "was", "int", "string"),
        change("DROPPED", "gone", "date", ""),
    )


def test_a_conflict_names_its_path_and_both_types() -> None:
    with pytest.raises(ValueError, match=r"`a\.x` is int and cannot become string"):
        together(columns(a="struct<x:int>"), columns(A="struct<X:string>"))


@laws
@given(COLUMNS, COLUMNS)
def test_together_holds_both_and_changes_no_spelling(old: tuple[Column, ...], new: tuple[Column, ...]) -> None:
    both = joined(old, new)
    assert {each.kind for each in differences(old, both)} <= {ChangeKind.ADDED, ChangeKind.WIDENED}
    assert [column.name for column in both[: len(old)]] == [column.name for column in old]
    assert together(both, old) == together(both, new) == both
    assert plain(joined(new, old)) == plain(both)


@laws
@given(COLUMNS, COLUMNS)
def test_the_differences_one_by_one_make_the_new_columns(old: tuple[Column, ...], new: tuple[Column, ...]) -> None:
    both = joined(old, new)
    made = old
    for each in differences(old, both):
        made = with_change(made, each)
        assert with_change(made, each) == made
    assert plain(made) == plain(both)


@laws
@given(st.lists(st.sampled_from(NAMES) | st.text(st.characters(codec="utf-8"), min_size=1), min_size=1, max_size=4))
def test_a_path_is_split_as_it_was_joined(parts: list[str]) -> None:
    assert split_path(".".join(map(quoted, parts))) == parts


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (change("ADDED", "b.c"), ""),
        (change("WIDENED", "b"), ""),
        (change("ADDED", "fixed"), ""),
        (change("ADDED", "Fixed.x"), "declared or hinted"),
        (change("WIDENED", "fixed"), "declared or hinted"),
        (change("ADDED", "Gone"), "rejected"),
        (change("ADDED", "gone.x"), "rejected"),
        (change("ADDED", "b.no"), "rejected"),
        (change("ADDED", "b.now"), ""),
    ],
)
def test_files_alone_change_what_the_rule_lets_them(told: Change, why: str) -> None:
    rule = EvolutionRule(on_schema_change=APPEND, fixed={"fixed"}, rejected={"gone", "b.no"})
    reasons = list(rule.refusals([told]))
    assert len(reasons) == bool(why)
    assert all(why in reason for reason in reasons)


@pytest.mark.parametrize("policy", [OnSchemaChange.IGNORE, OnSchemaChange.FAIL])
def test_no_other_policy_lets_files_change_anything(policy: OnSchemaChange) -> None:
    rule = EvolutionRule(on_schema_change=policy)
    assert len(list(rule.refusals([change("ADDED", "a"), change("WIDENED", "b")]))) == 2


def test_a_hint_gives_the_type_of_a_column_that_is_new() -> None:
    hinted = with_hints(columns(Id="bigint", at="string"), columns(ID="int", AT="date"), known=columns(id="bigint"))
    assert hinted == columns(Id="bigint", at="date")


def test_paths_that_the_columns_have_are_not_absent() -> None:
    held = columns(a="struct<x:array<map<string,int>>>")
    assert absent(held, ["A", "a.X", "a.x.element.value", "a.y", "a.x.value", "b", "a.x.element.value.z"]) == [
        "a.y",
        "a.x.value",
        "b",
        "a.x.element.value.z",
    ]


@pytest.mark.parametrize(
    "told",
    [
        change("ADDED", "b.c", new_type="int"),
        change("WIDENED", "b", new_type="int"),
        change("ADDED", "a", new_type="string"),
        change("WIDENED", "a.x", new_type="int"),
    ],
)
def test_a_change_of_what_is_not_there_or_does_not_fit_is_refused(told: Change) -> None:
    with pytest.raises(ValueError, match="`"):
        with_change(columns(a="int"), told)


def joined(old: tuple[Column, ...], new: tuple[Column, ...]) -> tuple[Column, ...]:
    """Both together, where they fit."""
    try:
        return together(old, new)
    except ValueError:
        assume(False)
        raise


def plain(told: tuple[Column, ...]) -> object:
    """Columns without the order and the spelling of names."""
    return {column.name.lower(): _plain(read_type(column.type)) for column in told}


def _plain(type: object) -> object:
    match type:
        case Struct():
            return {field.name.lower(): _plain(field.type) for field in type.fields}
        case Array():
            return [_plain(type.element)]
        case Map():
            return (_plain(type.value),)
        case _:
            return str(type)
