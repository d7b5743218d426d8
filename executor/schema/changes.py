"""The words for columns that change: by what policy, into what, and why not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pyspark.sql.types import DataType, StructType

from executor.schema.words import Change, OnSchemaChange, SchemaTerms

Reads = Callable[[DataType, DataType], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Why a file does not fit: where, what it has, what the column is (empty when there is none), and what to do."""

    path: str
    seen: str
    column: str
    remedy: str

    @property
    def message(self) -> str:
        against = f" and {self.column} in the table" if self.column else ""
        return f"`{self.path}` is {self.seen} in the file{against}; {self.remedy}"


def reads_as_typed(seen: DataType, column: DataType) -> bool:
    """Files with types of their own: a column that is not wider does not hold their values."""
    return False


def reads_as_text(seen: DataType, column: DataType) -> bool:
    """Files whose types are guesses: each value is read as the column's type; a row where that fails is rejected."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What may become of columns.

    `fixed` are names of columns that no file changes, `hints` types by name for those that are yet to come, `ignored`
    the paths of fields that a person rejected: all in small letters. `reads` says whether a reader takes values of a
    seen type for those of a column that is neither of that type nor wider.
    """

    on_schema_change: OnSchemaChange
    fixed: frozenset[str] = frozenset()
    hints: Mapping[str, DataType] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()
    reads: Reads = reads_as_typed


def policy_of(terms: SchemaTerms, *, hints: StructType, reads: Reads) -> Policy:
    """The policy of a lease; `hints` are those of its terms, as Spark has them."""
    return Policy(
        on_schema_change=terms.on_schema_change,
        fixed=frozenset(name.lower() for name in terms.fixed_columns),
        hints={hint.name.lower(): hint.dataType for hint in hints},
        ignored=frozenset(path.lower() for path in terms.ignored_fields),
        reads=reads,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What a file does to the columns.

    `changes` lead from the columns that held to `columns`. `unknown` are paths of fields that are left out. With FAIL
    nothing changes, and `wanted` is what would have to for the file to be loaded. Who conflicts changes nothing.
    """

    columns: StructType
    changes: tuple[Change, ...] = ()
    unknown: tuple[str, ...] = ()
    wanted: tuple[Change, ...] = ()
    conflicts: tuple[Conflict, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether the file can be loaded into `columns`."""
        return not self.wanted and not self.conflicts


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciledFiles:
    """What files do to the columns together, each by its key: `shown_by` has the first file with each of the changes.

    `wanted` has the files that wait for each change, in their order; `conflicts` the files that can never be loaded so.
    """

    columns: StructType
    shown_by: Mapping[Change, int]
    unknown: Mapping[str, Sequence[int]]
    wanted: Mapping[Change, Sequence[int]]
    conflicts: Mapping[int, tuple[Conflict, ...]]
