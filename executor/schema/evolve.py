"""What columns become when files show others: seen fields, columns and a policy make changes, or a refusal. Pure.

Fields are found by name, whatever the case of its letters, at every depth. Of two spellings in one place of one file,
the first is the field and the second refuses the file: one of them would be lost. What is NULL throughout says nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pyspark.sql.types import ArrayType, DataType, MapType, NullType, StructField, StructType

from executor.schema.changes import Conflict, Policy, Reconciled, ReconciledFiles
from executor.schema.reconcile import sql_type
from executor.schema.types import DEPTH_MAX, NotKept, depth, is_same, kept, path_within, widens
from executor.schema.words import Change, ChangeKind, OnSchemaChange

COLUMNS_MAX = 10_000
TYPE_CHARACTERS_MAX = 20_000

_NAMELESS = "a field in it has no name: give it one"
_SPELLED_TWICE = "another field's name differs from it by case at most: spell it in one way"
_NOT_KEPT = "no table has such a type: hint the column as string, or write another type"
_TOO_DEEP = f"it would nest more than {DEPTH_MAX} deep: hint its column as string"
_TOO_LONG = f"its type would have more than {TYPE_CHARACTERS_MAX:,} characters: hint its column as string"
_FIXED = "the column is declared or hinted: declare it with what the file has"


def reconcile(seen: StructType, columns: StructType, policy: Policy) -> Reconciled:
    """Fits the columns to what a file has. Columns that are none yet take all that it has, whatever the policy.

    Nothing is ever narrowed, dropped, reordered or spelled anew; new fields follow those that are there.
    """
    walk = _Walk(policy, is_first=not columns.fields)
    fitted = walk.structs(seen, columns, _TOP)
    walk.conflicts += _beyond_bounds(fitted, columns)
    if walk.conflicts:
        return Reconciled(columns=columns, unknown=tuple(walk.unknown), conflicts=tuple(walk.conflicts))
    if walk.must_ask:
        return Reconciled(columns=columns, unknown=tuple(walk.unknown), wanted=tuple(walk.changes))
    return Reconciled(columns=fitted, changes=tuple(walk.changes), unknown=tuple(walk.unknown))


def reconcile_files(files: Mapping[int, StructType], columns: StructType, policy: Policy) -> ReconciledFiles:
    """Fits the columns to what files have, one after the other in their order; a file that conflicts is left out."""
    if not columns.fields:
        policy = replace(policy, on_schema_change=OnSchemaChange.APPEND_NEW_COLUMNS)
    shown_by: dict[Change, int] = {}
    unknown, wanted = defaultdict[str, list[int]](list), defaultdict[Change, list[int]](list)
    conflicts: dict[int, tuple[Conflict, ...]] = {}
    # Most files of a lease have the same fields, and what changes nothing once changes nothing again.
    settled: dict[StructType, Reconciled] = {}
    for index, seen in files.items():
        told = settled.get(seen) or reconcile(seen, columns, policy)
        if told.changes:
            columns, settled = told.columns, {}
            shown_by |= {change: index for change in told.changes}
        else:
            settled[seen] = told
        if told.conflicts:
            conflicts[index] = told.conflicts
            continue
        for path in told.unknown:
            unknown[path].append(index)
        for change in told.wanted:
            wanted[change].append(index)
    return ReconciledFiles(columns=columns, shown_by=shown_by, unknown=unknown, wanted=wanted, conflicts=conflicts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where the walk is: how many types are around it, and whether the column that it is in may not change."""

    path: str
    level: int
    is_fixed: bool

    def within(self, part: str) -> _Place:
        return replace(self, path=path_within(self.path, part), level=self.level + 1)


_TOP = _Place(path="", level=0, is_fixed=False)


class _Walk:
    """One pass over what a file has, beside the columns; collects what it finds."""

    def __init__(self, policy: Policy, *, is_first: bool) -> None:
        self._policy = policy
        self._may_change = is_first or policy.on_schema_change is not OnSchemaChange.IGNORE
        self.must_ask = not is_first and policy.on_schema_change is OnSchemaChange.FAIL
        self.changes: list[Change] = []
        self.unknown: list[str] = []
        self.conflicts: list[Conflict] = []

    def structs(self, seen: StructType, column: StructType, place: _Place) -> StructType:
        """The column with what the file has in it; itself when that is nothing new."""
        fields = {one.name.lower(): one for one in column}
        for name, one in self._by_name(seen, place).items():
            known = fields.get(name)
            if known is not None:
                fields[name] = self._fields(one, known, place)
            elif (added := self._added(one, place)) is not None:
                fields[name] = added
        fitted = list(fields.values())
        is_as_it_was = len(fitted) == len(column) and all(new is old for new, old in zip(fitted, column, strict=True))
        return column if is_as_it_was else StructType(fitted)

    def _by_name(self, seen: StructType, place: _Place) -> dict[str, StructField]:
        """The fields by their names in small letters; refuses those that cannot be told from others, or have none."""
        fields: dict[str, StructField] = {}
        for one in seen:
            if not one.name:
                self._refuse(place, seen, _NAMELESS)
            elif fields.setdefault(one.name.lower(), one) is not one:
                self._refuse(place.within(one.name), one.dataType, _SPELLED_TWICE)
        return fields

    def _refuse_names(self, kind: DataType, place: _Place) -> None:
        """Looks at the names within what is new as a whole."""
        match kind:
            case StructType():
                for one in self._by_name(kind, place).values():
                    self._refuse_names(one.dataType, place.within(one.name))
            case ArrayType():
                self._refuse_names(kind.elementType, place.within("element"))
            case MapType():
                self._refuse_names(kind.valueType, place.within("value"))
            case _:
                pass

    def _fields(self, seen: StructField, column: StructField, place: _Place) -> StructField:
        inner = place.within(column.name)
        if inner.level == 1:
            inner = replace(inner, is_fixed=column.name.lower() in self._policy.fixed)
        kind = self._types(seen.dataType, column.dataType, inner)
        same = kind is column.dataType
        return column if same else StructField(column.name, kind, column.nullable, column.metadata)

    def _types(self, seen: DataType, column: DataType, place: _Place) -> DataType:
        match seen, column:
            case StructType(), StructType():
                return self.structs(seen, column, place)
            case ArrayType(), ArrayType():
                element = self._types(seen.elementType, column.elementType, place.within("element"))
                return column if element is column.elementType else ArrayType(element, column.containsNull)
            case MapType(), MapType() if isinstance(seen.keyType, NullType) or is_same(seen.keyType, column.keyType):
                value = self._types(seen.valueType, column.valueType, place.within("value"))
                same = value is column.valueType
                return column if same else MapType(column.keyType, value, column.valueContainsNull)
            case _:
                return self._without_parts(seen, column, place)

    def _without_parts(self, seen: DataType, column: DataType, place: _Place) -> DataType:
        """The column's type, or the wider one that it becomes."""
        try:
            known = kept(seen)
        except NotKept:
            known = seen
        if known is None or is_same(known, column) or widens(known, column):
            return column
        could_widen = widens(column, known)
        if could_widen and self._may_change and not place.is_fixed:
            self._change(ChangeKind.WIDENED, place, new=known, old=column)
            return known
        if not self._policy.reads(known, column):
            self._refuse(place, seen, _remedy(column, place, could_widen=could_widen), column=column)
        return column

    def _added(self, seen: StructField, around: _Place) -> StructField | None:
        """The new field, or None when there is to be none."""
        place = around.within(seen.name)
        if _says_nothing(seen.dataType):
            return None
        if not self._may_change or place.path.lower() in self._policy.ignored:
            self.unknown.append(place.path)
            return None
        if place.is_fixed:
            # Declared columns stay; but who wants to hear of every new field hears of this one.
            if self.must_ask:
                self._refuse(place, seen.dataType, _FIXED)
            self.unknown.append(place.path)
            return None
        kind = self._kind_of_new(seen, place)
        if kind is None:
            return None
        self._change(ChangeKind.ADDED, place, new=kind)
        return StructField(seen.name, kind)

    def _kind_of_new(self, seen: StructField, place: _Place) -> DataType | None:
        hint = self._policy.hints.get(seen.name.lower()) if place.level == 1 else None
        if hint is not None:
            self._types(seen.dataType, hint, replace(place, is_fixed=True))
            return hint
        self._refuse_names(seen.dataType, place)
        try:
            kind = kept(seen.dataType)
        except NotKept as error:
            self._refuse(place, error.kind, _NOT_KEPT)
            return None
        if kind is not None and place.level + depth(kind) - 1 > DEPTH_MAX:
            self._refuse(place, kind, _TOO_DEEP)
            return None
        return kind

    def _change(self, kind: ChangeKind, place: _Place, *, new: DataType, old: DataType | None = None) -> None:
        old_type = sql_type(old) if old is not None else ""
        self.changes.append(Change(kind=kind, path=place.path, new_type=sql_type(new), old_type=old_type))

    def _refuse(self, place: _Place, seen: DataType, remedy: str, *, column: DataType | None = None) -> None:
        of_column = sql_type(column) if column is not None else ""
        self.conflicts.append(Conflict(path=place.path, seen=sql_type(seen), column=of_column, remedy=remedy))


def _says_nothing(kind: DataType) -> bool:
    try:
        return kept(kind) is None
    except NotKept:
        return False


def _remedy(column: DataType, place: _Place, *, could_widen: bool) -> str:
    if could_widen and place.is_fixed:
        return "declare or hint the wider type"
    if could_widen:
        return "let the column widen, with on_schema_change APPEND_NEW_COLUMNS"
    return f"write it as {sql_type(column)}, or load such files into a table of their own"


def _beyond_bounds(fitted: StructType, columns: StructType) -> Iterator[Conflict]:
    """What of the new or changed columns is more than the ledger keeps."""
    if len(fitted) > COLUMNS_MAX:
        yield _too_large(
            fitted.fields[COLUMNS_MAX], f"it would be one of more than {COLUMNS_MAX:,} columns: load fewer"
        )
    as_they_were = {id(column) for column in columns}
    for column in fitted:
        if id(column) not in as_they_were and len(sql_type(column.dataType)) > TYPE_CHARACTERS_MAX:
            yield _too_large(column, _TOO_LONG)


def _too_large(column: StructField, remedy: str) -> Conflict:
    return Conflict(path=path_within("", column.name), seen=column.dataType.typeName(), column="", remedy=remedy)
