"""Finds, for each file that a workload expects, the ledger's word on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tests.checker.ledger import LedgerFile
from tests.checker.manifest import Expectation, ExpectedFile, Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """`by_key` has, for each file of the workload, those of the ledger that may be it; `unknown` are no file of it."""

    by_key: Mapping[str, tuple[LedgerFile, ...]] = field(default_factory=dict)
    unknown: tuple[LedgerFile, ...] = ()

    def of(self, expected: ExpectedFile) -> LedgerFile | None:
        """The ledger's file, if there is one and only one."""
        found = self.by_key.get(expected.key, ())
        return found[0] if len(found) == 1 else None


def match(workload: Workload, files: Iterable[LedgerFile]) -> Matching:
    by_name = _by_last_part(files)
    by_key = {
        expected.key: tuple(each for each in by_name.get(_last_part(expected.uri), ()) if _may_be(expected, each))
        for expected in workload.files
        if expected.expectation is not Expectation.FOREIGN
    }
    matched = {file.name for found in by_key.values() for file in found}
    unknown = (file for found in by_name.values() for file in found if file.name not in matched)
    return Matching(by_key=by_key, unknown=tuple(unknown))


def _may_be(expected: ExpectedFile, file: LedgerFile) -> bool:
    return (
        file.uri.endswith(expected.uri)
        and expected.generation in (None, file.generation)
        and expected.size_bytes in (None, file.size_bytes)
    )


def _by_last_part(files: Iterable[LedgerFile]) -> dict[str, list[LedgerFile]]:
    found: dict[str, list[LedgerFile]] = {}
    for file in files:
        found.setdefault(_last_part(file.uri), []).append(file)
    return found


def _last_part(uri: str) -> str:
    return uri.rpartition("/")[2]
