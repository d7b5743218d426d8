"""Types a user declares, read and spelled in one way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.domain.columns import check_names, parse_type


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("BIGINT", "bigint"),
        (" Integer ", "int"),
        ("long", "bigint"),
        ("Decimal( 10 , 2 )", "decimal(10,2)"),
        ("decimal(38)", "decimal(38,0)"),
        ("timestamp_ntz", "timestamp_ntz"),
        ("ARRAY < STRUCT < A : BIGINT > >", "array<struct<A:bigint>>"),
        ("map<String, array<int>>", "map<string,array<int>>"),
        ("struct<`odd name`:int,`back``tick`:date>", "struct<`odd name`:int,`back``tick`:date>"),
        ("struct<`plain`:int>", "struct<plain:int>"),
        ("struct<`1`:int>", "struct<`1`:int>"),
        ("array<array<array<string>>>", "array<array<array<string>>>"),
    ],
)
def test_a_type_has_one_spelling(text: str, spelling: str) -> None:
    assert parse_type(text) == spelling
    assert parse_type(spelling) == spelling


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "has `` where a type belongs"),
        ("varchar", "has `varchar` where a type belongs"),
        ("array<tinyint>", "has `tinyint` where a type belongs"),
        ("array", "ends before `<`"),
        ("array<int", "ends before `>`"),
        ("array<int>>", "ends before `>`; remove"),
        ("array<>", "has `>` where a type belongs"),
        ("map<int,string>", "keys of `int`"),
        ("map<string>", "has `>` where `,` belongs"),
        ("struct<>", "has `>` where the name of a field belongs"),
        ("struct<a int>", "has `int` where `:` belongs"),
        ("struct<a:int,A:string>", '"a" and "A" differ by case'),
        ("struct<a:int,a:string>", '"a" and "a" differ by case'),
        ("struct<`:int>", "has ``` where the name of a field belongs"),
        ("decimal", "ends before `(`"),
        ("decimal(0,0)", "has decimal(0,0)"),
        ("decimal(39,2)", "has decimal(39,2)"),
        ("decimal(5,6)", "has decimal(5,6)"),
        ("decimal(-1)", "has `-` in a decimal"),
        ("int int", "ends before `int`"),
        ("int; drop table x", "ends before `;`"),
        ("array<" * 40 + "int" + ">" * 40, "nests more than 32 deep"),
        ("struct<" + "a:int," * 5_000 + "b:int>", "20000 characters"),
    ],
)
def test_a_bad_type_is_refused_by_its_bad_part(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_type(text)
    assert problem in _without_position(str(caught.value))


def _without_position(message: str) -> str:
    before, found, after = message.partition(" at character ")
    return before + after.lstrip("0123456789") if found else message


@given(st.text(max_size=50) | st.text(alphabet="array<>struct:,()`12 ", max_size=50))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        spelling = parse_type(text)
    except ValueError:
        return
    assert parse_type(spelling) == spelling


NAMES = st.text(min_size=1, max_size=10).filter(lambda name: name.strip() == name)
TYPES = st.recursive(
    st.sampled_from(["int", "string", "decimal(9,3)", "timestamp_ntz"]),
    lambda inner: st.one_of(
        inner.map("array<{}>".format),
        inner.map("map<string,{}>".format),
        st.dictionaries(st.sampled_from(["a", "b_2", "`odd name`", "`dot.ted`", "`tick``ed`"]), inner, min_size=1).map(
            lambda fields: f"struct<{','.join(f'{n}:{t}' for n, t in fields.items())}>"
        ),
    ),
    max_leaves=10,
)


@given(TYPES)
def test_every_well_formed_type_keeps_its_spelling(text: str) -> None:
    assert parse_type(text) == text
    assert parse_type(text.replace("<", " < ").replace(",", " , ").replace(">", " > ")) == text


def test_names_that_differ_are_fine() -> None:
    check_names(["a", "b", "\u00e9", "e\u0301"])


@pytest.mark.parametrize("names", [["a", ""], ["id", "ID"], ["a", "b", "a"]])
def test_names_that_spark_cannot_tell_apart_are_refused(names: list[str]) -> None:
    with pytest.raises(ValueError, match=r"differ by case|is empty"):
        check_names(names)
