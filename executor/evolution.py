"""Which columns a lease is loaded with, once its files and the terms of its ingestion have been heard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql.types import StructType

from executor.columns import as_struct, columns_of
from executor.errors import attempt_failed
from executor.lease import Category, Failure, LoadWork, UnknownField
from executor.readers.reader import Reader
from executor.roster import Roster
from executor.schema.changes import Policy, ReconciledFiles, policy_of, reads_as_text, reads_as_typed
from executor.schema.evolve import reconcile_files
from executor.schema.observed import Fields
from executor.schema.spelling import misspelled
from executor.schema.words import Change, Column, ColumnsInForce, Evolve, OnSchemaChange

_PROPOSALS_MAX = 20
_NAMED_MAX = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The columns that hold, what is left out for them, and the changes that wait for a person, with their files."""

    columns: tuple[Column, ...]
    unknown: tuple[UnknownField, ...] = ()
    held: Mapping[Change, Sequence[int]]


NOTHING_SETTLED = Settled(columns=(), held={})


def first_columns(seen: Mapping[int, Fields]) -> tuple[Column, ...]:
    """Columns for an ingestion that has none, of files with types: all that the files have."""
    policy = Policy(on_schema_change=OnSchemaChange.APPEND_NEW_COLUMNS)
    files = {index: fields.columns for index, fields in seen.items()}
    return columns_of(reconcile_files(files, StructType(), policy).columns)


def settle(
    work: LoadWork,
    roster: Roster,
    seen: Mapping[int, Fields],
    in_force: ColumnsInForce,
    *,
    reader: Reader,
    evolve: Evolve,
) -> Settled:
    """Reconciles what files have with the columns, and proposes what follows until it holds.

    Drops the files that conflict with the columns, and those that wait for a person.
    """
    policy = policy_of(
        work.schema, hints=as_struct(work.schema.hints), reads=reads_as_typed if reader.is_typed else reads_as_text
    )
    for _ in range(_PROPOSALS_MAX):
        columns = as_struct(in_force.columns)
        files = {index: fields.columns for index, fields in seen.items() if index in roster.unempty}
        told = reconcile_files(files, columns, policy)
        if told.columns == columns or not in_force.version:
            break
        in_force = evolve(columns_of(told.columns), in_force.version, told.shown_by)
    else:
        raise attempt_failed(
            Category.SCHEMA_MISMATCH, "The columns change faster than files can be fitted to them.", retryable=True
        )
    _drop(roster, told, table=work.table)
    if reader.is_exact:
        _drop_misspelled(roster, files, as_struct(in_force.columns))
    return Settled(columns=in_force.columns, unknown=_unknown(told, seen), held=told.wanted)


def _drop(roster: Roster, told: ReconciledFiles, *, table: str) -> None:
    for index, conflicts in told.conflicts.items():
        problems = "; ".join(conflict.message for conflict in conflicts[:_NAMED_MAX])
        roster.drop(index, _mismatch(f"The file does not fit table `{table}`: {problems}."))
    waiting: dict[int, list[Change]] = {}
    for change, indexes in told.wanted.items():
        for index in indexes:
            waiting.setdefault(index, []).append(change)
    for index, changes in waiting.items():
        names = ", ".join(f"`{change.path}` as {change.new_type}" for change in changes[:_NAMED_MAX])
        roster.drop(
            index,
            _mismatch(f"The file has what the columns lack: {names}. It waits until somebody accepts or rejects that."),
        )


def _drop_misspelled(roster: Roster, files: Mapping[int, StructType], columns: StructType) -> None:
    """The reader would take a field for missing that has the name of its column in other letters."""
    for index in files.keys() & roster.unempty.keys():
        if found := tuple(misspelled(files[index], columns))[:_NAMED_MAX]:
            names = ", ".join(f"`{path}`, which the columns have as `{name}`" for path, name in found)
            roster.drop(index, _mismatch(f"The file spells {names}. Spell them in one way, or declare such columns."))


def _mismatch(message: str) -> Failure:
    return Failure(category=Category.SCHEMA_MISMATCH, message=message)


def _unknown(told: ReconciledFiles, seen: Mapping[int, Fields]) -> tuple[UnknownField, ...]:
    if not told.unknown:
        return ()
    counts = {index: _by_small_letters(fields.counts) for index, fields in seen.items()}
    return tuple(
        UnknownField(path=path, record_count=sum(counts[index].get(_outermost(path), 0) for index in indexes))
        for path, indexes in sorted(told.unknown.items())
    )


def _by_small_letters(counts: Mapping[str, int]) -> dict[str, int]:
    added: dict[str, int] = {}
    for name, count in counts.items():
        added[name.lower()] = added.get(name.lower(), 0) + count
    return added


def _outermost(path: str) -> str:
    """The field of records that a field is in, or is: they are counted by it."""
    return path.partition(".")[0].strip("`").lower()
