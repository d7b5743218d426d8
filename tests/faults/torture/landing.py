"""The folder of an ingestion, into which files come, change and go; and what must become of each version of each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.checker.checksum import NO_ROWS, Checksum, Row, checksum_of
from tests.checker.manifest import Expectation, ExpectedFile
from tests.e2e.places import Folder

# The ranges of a file's number of rows, and how often each comes.
SIZES = {(0, 0): 1, (1, 1): 1, (2, 50): 8, (50, 500): 6, (500, 3000): 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One content of a file; its rows carry the key in their column `source`. `bad_line` is to be kept aside."""

    key: str
    size_bytes: int
    checksum: Checksum
    is_poison: bool
    bad_line: str = ""


@dataclass(slots=True)
class File:
    """A file by all that it ever was; `is_there` still."""

    name: str
    versions: list[Version] = field(default_factory=list)
    is_there: bool = True

    def expected(self) -> Iterator[ExpectedFile]:
        """With one version it is certain what becomes of it; with more, or none left, it is a matter of time."""
        is_certain = self.is_there and len(self.versions) == 1
        for version in self.versions:
            yield ExpectedFile(
                key=version.key,
                uri=f"/{self.name}",
                expectation=self._expectation(version) if is_certain else Expectation.ANY,
                checksum=version.checksum,
                size_bytes=version.size_bytes,
            )

    @property
    def ends_loaded(self) -> bool:
        """Whether one of its versions, whichever it is, must be loaded."""
        return self.is_there and not self.versions[-1].is_poison

    @staticmethod
    def _expectation(version: Version) -> Expectation:
        return Expectation.FAILED if version.is_poison else Expectation.LOADED


class Landing:
    """Files get names that no other landing's have: those begin with `prefix`.

    Where bad records are kept aside, one among others spoils no file.
    """

    def __init__(self, path: Path, *, prefix: str, keeps_aside: bool = False) -> None:
        self.place = Folder(path)
        self.keeps_aside = keeps_aside
        self.files: dict[str, File] = {}
        self._prefix = prefix
        path.mkdir(parents=True)

    def add(self, random: Random) -> None:
        for _ in range(random.randint(1, 4)):
            self._put(self._new(), random)

    def poison(self, random: Random) -> None:
        self._put(self._new(), random, is_poison=True)

    def overwrite(self, random: Random) -> None:
        if file := self._any(random):
            self._put(file, random)

    def delete(self, random: Random) -> None:
        if file := self._any(random):
            (self.place.path / file.name).unlink()
            file.is_there = False

    def _new(self) -> File:
        file = File(f"{self._prefix}-{len(self.files):05}.json")
        self.files[file.name] = file
        return file

    def _any(self, random: Random) -> File | None:
        """One of the newer files, for the older ones rest by now."""
        there = [file for file in self.files.values() if file.is_there][-12:]
        return random.choice(there) if there else None

    def _put(self, file: File, random: Random, *, is_poison: bool = False) -> None:
        key = f"{file.name}@{len(file.versions) + 1}"
        rows = rows_of(key, random)
        bad_line = f"this is no JSON: {key}" if is_poison else ""
        is_kept = bool(bad_line and rows and self.keeps_aside)
        content = b"".join(f"{line}\n".encode() for line in (*map(json.dumps, rows), *filter(None, [bad_line])))
        # Blank lines are no records. Versions are told apart by their sizes.
        while any(len(content) == version.size_bytes for version in file.versions):
            content += b"\n"
        file.versions.append(
            Version(
                key=key,
                size_bytes=len(content),
                checksum=NO_ROWS if is_poison and not is_kept else checksum_of(rows),
                is_poison=is_poison and not is_kept,
                bad_line=bad_line if is_kept else "",
            )
        )
        self.place.put(file.name, content)


def rows_of(key: str, random: Random) -> list[Row]:
    ((least, most),) = random.choices(list(SIZES), weights=list(SIZES.values()))
    return [{"id": number, "source": key, "text": f"row {number}"} for number in range(random.randint(least, most))]
