"""How columns change: what lies between two sets of them, what both become together, and what a policy refuses."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from control_plane.domain.columns import read_type
from control_plane.domain.ingestion import Column, OnSchemaChange
from control_plane.domain.schema import Change, ChangeKind
from control_plane.domain.types import Array, Field, Map, Struct, Type, quoted, widens

_PART = re.compile(r"`((?:[^`]|``)+)`|([^.`]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvolutionRule:
    """What may become of columns: `fixed` are names of some and `rejected` paths of fields, both in small letters."""

    on_schema_change: OnSchemaChange
    fixed: Collection[str] = frozenset()
    rejected: Collection[str] = frozenset()

    def refusals(self, changes: Iterable[Change]) -> Iterator[str]:
        """Says of each change that may not be made by files alone why not."""
        for change in changes:
            name, *inner = split_path(change.path.lower())
            if self.on_schema_change is not OnSchemaChange.APPEND_NEW_COLUMNS:
                yield f"`{change.path}` cannot be {change.kind.lower()} under {self.on_schema_change}"
            elif name in self.fixed and (inner or change.kind is not ChangeKind.ADDED):
                yield f"`{change.path}` cannot be {change.kind.lower()}: the column is declared or hinted"
            elif any(path in self.rejected for path in _ancestors(change.path.lower())):
                yield f"`{change.path}` cannot be {change.kind.lower()}: a person rejected it"


def together(columns: Sequence[Column], others: Sequence[Column]) -> tuple[Column, ...]:
    """The columns, in their order and spelling, widened and added to by what the others have beyond them.

    Names are compared without regard to case. Raises ValueError that names the path where no type holds both.
    """
    return _columns(_together(_struct(columns), _struct(others), path=""))


def differences(old: Sequence[Column], new: Sequence[Column]) -> tuple[Change, ...]:
    """What makes the new columns of the old ones, in the order of the new and what is dropped last."""
    return tuple(_differences(_struct(old), _struct(new), path=""))


def with_change(columns: Sequence[Column], change: Change) -> tuple[Column, ...]:
    """The columns with a change made that adds or widens, or as they are when they have it.

    Raises ValueError when it does not fit.
    """
    return _columns(_with_change(_struct(columns), split_path(change.path), change))


def with_hints(columns: Sequence[Column], hints: Sequence[Column], *, known: Sequence[Column]) -> tuple[Column, ...]:
    """The columns, of which those that are not known yet have the type of their hint."""
    stays = {column.name.lower() for column in known}
    types = {hint.name.lower(): hint.type for hint in hints if hint.name.lower() not in stays}
    return tuple(Column(name=each.name, type=types.get(each.name.lower(), each.type)) for each in columns)


def absent(columns: Sequence[Column], paths: Sequence[str]) -> list[str]:
    """Those of the paths at which there is no column, and no field within one."""
    struct = _struct(columns) if paths else Struct(())
    return [path for path in paths if not _has(struct, split_path(path))]


def split_path(path: str) -> list[str]:
    """The names in a path: `a.`b.c`` is `a` and `b.c`."""
    return [quoted.replace("``", "`") or plain for quoted, plain in _PART.findall(path)]


def _ancestors(path: str) -> Iterator[str]:
    parts = [quoted(part) for part in split_path(path)]
    for length in range(1, len(parts) + 1):
        yield ".".join(parts[:length])


def _struct(columns: Sequence[Column]) -> Struct:
    return Struct(tuple(Field(column.name, read_type(column.type)) for column in columns))


def _columns(type: Type) -> tuple[Column, ...]:
    assert isinstance(type, Struct), "columns are those of a struct"
    return tuple(Column(name=field.name, type=str(field.type)) for field in type.fields)


def _by_name(struct: Struct) -> dict[str, Field]:
    return {field.name.lower(): field for field in struct.fields}


def _together(one: Type, other: Type, *, path: str) -> Type:
    match one, other:
        case Struct(), Struct():
            return _structs_together(one, other, path=path)
        case Array(), Array():
            return Array(_together(one.element, other.element, path=_join(path, "element")))
        case Map(), Map():
            return Map(_together(one.value, other.value, path=_join(path, "value")))
        case _ if one == other or widens(other, one):
            return one
        case _ if widens(one, other):
            return other
        case _:
            raise ValueError(f"`{path}` is {one} and cannot become {other}")


def _structs_together(one: Struct, other: Struct, *, path: str) -> Struct:
    known, others = _by_name(one), _by_name(other)
    fitted = [
        Field(field.name, _together(field.type, others[name].type, path=_join(path, quoted(field.name))))
        if name in others
        else field
        for name, field in known.items()
    ]
    return Struct((*fitted, *(field for name, field in others.items() if name not in known)))


def _differences(old: Type, new: Type, *, path: str) -> Iterator[Change]:
    match old, new:
        case Struct(), Struct():
            yield from _differences_of_structs(old, new, path=path)
        case Array(), Array():
            yield from _differences(old.element, new.element, path=_join(path, "element"))
        case Map(), Map():
            yield from _differences(old.value, new.value, path=_join(path, "value"))
        case _ if old != new:
            kind = ChangeKind.WIDENED if widens(old, new) else ChangeKind.RETYPED
            yield Change(kind=kind, path=path, old_type=str(old), new_type=str(new))


def _differences_of_structs(old: Struct, new: Struct, *, path: str) -> Iterator[Change]:
    before, after = _by_name(old), _by_name(new)
    for name, field in after.items():
        place = _join(path, quoted(field.name))
        if name in before:
            yield from _differences(before[name].type, field.type, path=place)
        else:
            yield Change(kind=ChangeKind.ADDED, path=place, new_type=str(field.type))
    for name, field in before.items():
        if name not in after:
            place = _join(path, quoted(field.name))
            yield Change(kind=ChangeKind.DROPPED, path=place, old_type=str(field.type))


def _has(type: Type, parts: Sequence[str]) -> bool:
    if not parts:
        return True
    match type:
        case Struct():
            field = _by_name(type).get(parts[0].lower())
            return field is not None and _has(field.type, parts[1:])
        case Array():
            return parts[0] == "element" and _has(type.element, parts[1:])
        case Map():
            return parts[0] == "value" and _has(type.value, parts[1:])
        case _:
            return False


def _with_change(type: Type, parts: Sequence[str], change: Change) -> Type:
    if not parts:
        return _together(type, read_type(change.new_type), path=change.path)
    part, rest = parts[0], parts[1:]
    match type:
        case Struct() if part.lower() in _by_name(type):
            return Struct(
                tuple(
                    Field(field.name, _with_change(field.type, rest, change)) if name == part.lower() else field
                    for name, field in _by_name(type).items()
                )
            )
        case Struct() if not rest and change.kind is ChangeKind.ADDED:
            return Struct((*type.fields, Field(part, read_type(change.new_type))))
        case Array() if part == "element":
            return Array(_with_change(type.element, rest, change))
        case Map() if part == "value":
            return Map(_with_change(type.value, rest, change))
        case _:
            raise ValueError(f"the columns have nothing at `{change.path}` that could change so")


def _join(path: str, part: str) -> str:
    return f"{path}.{part}" if path else part
