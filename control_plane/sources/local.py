"""Files in a folder of this machine, or of a file system mounted on it."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from urllib.parse import quote_from_bytes, unquote_to_bytes

from control_plane.domain.file import ListedFile
from control_plane.domain.glob import compile_glob, literal_prefix
from control_plane.domain.uri import parse_uri
from control_plane.sources.names import why_unsupported
from control_plane.sources.one_ahead import one_ahead
from control_plane.sources.source import ListingPage, SourceError, SourceSpec, source_error

PAGE_FILES = 5_000
# An S3 key has at most 1,024 bytes; what an index of the ledger can hold ends at about 2,700.
URI_BYTES_MAX = 2_000
# The year 2262, where nanoseconds leave 64 bits.
_LAST_NS = 2**63 - 1

_SAFE = " !\"#$&'()*+,:;<=>?@[\\]^`{|}"
_NOT_UTF8 = "The path is not UTF-8; its bytes are shown percent-encoded behind a double slash."
_TOO_LONG = f"The path has more than {URI_BYTES_MAX} bytes; its name is shortened here, with a hash of the whole."
_NOT_REGULAR = "This is no regular file but a pipe, a device, or a link that leads nowhere."
# A part that is not UTF-8 is listed as `/` and its bytes percent-encoded: one spelling a name,
# which no UTF-8 path has.
_ENCODED_PART = re.compile(r"(^|/)/([^/]+)")


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder on the way: its path relative to the source, as listed, and the identities of it and
    those above.
    """

    path: str
    identities: frozenset[tuple[int, int]]


class LocalSource:
    """Lists a folder depth first in byte order of the whole paths, with one folder's names a level
    in memory.

    Links to files are followed, and links to folders except into a folder that we are in already.
    """

    def __init__(self, spec: SourceSpec, *, page_files: int = PAGE_FILES) -> None:
        self.ordered = True
        self._root = f"{parse_uri(spec.uri).folder}/"
        self._glob = compile_glob(spec.pattern, spec.exclude)
        self._literal_prefix = literal_prefix(spec.pattern)
        self._page_files = page_files

    async def list(self) -> AsyncGenerator[ListingPage, None]:
        """Lists the files that match; SourceError when the folder, or one within, is not there or
        cannot be read.
        """
        async with aclosing(one_ahead(self._pages())) as pages:
            async for page in pages:
                yield page

    def _pages(self) -> Generator[ListingPage, None, None]:
        files: list[ListedFile] = []
        objects = folders = 0
        for found in self._walk():
            if isinstance(found, _Folder):
                folders += 1
                continue
            objects += 1
            if self._glob.matches(_as_on_disk(found)) and (file := self._file(found)):
                files.append(file)
            if objects == self._page_files:
                yield ListingPage(files=files, objects_listed=objects, requests=folders)
                files, objects, folders = [], 0, 0
        yield ListingPage(files=files, objects_listed=objects, requests=folders)

    def _walk(self) -> Iterator[_Folder | str]:
        """Gives each folder when it is read, and the path of each file, in order."""
        pending: list[tuple[_Folder, Iterator[str]]] = []
        entered = self._enter("", frozenset())
        while entered or pending:
            if entered:
                yield entered[0]
                pending.append(entered)
            folder, names = pending[-1]
            entered = None
            for name in names:
                path = folder.path + name
                if not name.endswith("/"):
                    yield path
                elif self._may_hold_matches(path) and (entered := self._enter(path, folder.identities)):
                    break
            else:
                pending.pop()

    def _may_hold_matches(self, folder: str) -> bool:
        return folder.startswith(self._literal_prefix) or self._literal_prefix.startswith(folder)

    def _enter(self, path: str, above: frozenset[tuple[int, int]]) -> tuple[_Folder, Iterator[str]] | None:
        """Reads a folder; None when it vanished, or when a link led back into a folder above."""
        location = self._location(path)
        try:
            status = os.stat(location)
            identity = (status.st_dev, status.st_ino)
            if identity in above:
                return None
            return _Folder(path, above | {identity}), iter(_names(location))
        except (FileNotFoundError, NotADirectoryError) as error:
            if path:
                return None
            raise _refusal(location, error) from error
        except OSError as error:
            raise _refusal(location, error) from error

    def _file(self, path: str) -> ListedFile | None:
        """Looks at a file; None when it vanished."""
        status = _status(self._location(path))
        if status is None:
            return None
        uri = f"file://{self._root}{path}"
        if len(uri.encode(errors="surrogateescape")) > URI_BYTES_MAX:
            uri, unsupported = _shortened(uri), _TOO_LONG
        elif not stat.S_ISREG(status.st_mode):
            unsupported = _NOT_REGULAR
        else:
            unsupported = why_unsupported(path) if _is_utf8(path) else _NOT_UTF8
        return ListedFile(
            uri=uri,
            size_bytes=status.st_size,
            etag="",
            modification_time_ns=min(status.st_mtime_ns, _LAST_NS),
            unsupported=unsupported,
        )

    def _location(self, path: str) -> str:
        return self._root + _as_on_disk(path)


def _shortened(uri: str) -> str:
    """A name that the ledger can hold, and that no other file has."""
    return f"{uri[:500]}…{hashlib.sha256(uri.encode(errors='surrogateescape')).hexdigest()}"


def _names(location: str) -> list[str]:
    """Lists a folder in the order of the paths below it, which a folder enters with its slash:
    `a.b` before `a/b`.
    """
    with os.scandir(location) as entries:
        return sorted(_spelled(entry.name) + ("/" if _is_folder(entry) else "") for entry in entries)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _status(location: str) -> os.stat_result | None:
    try:
        return os.stat(location)
    except OSError:
        return _status_of_link(location)


def _status_of_link(location: str) -> os.stat_result | None:
    try:
        return os.lstat(location)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _refusal(location, error) from error


def _spelled(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        return "/" + quote_from_bytes(os.fsencode(name), safe=_SAFE)
    return name


def _as_on_disk(path: str) -> str:
    if _is_utf8(path):
        return path
    return _ENCODED_PART.sub(lambda part: part[1] + os.fsdecode(unquote_to_bytes(part[2])), path)


def _is_utf8(path: str) -> bool:
    return "//" not in path and not path.startswith("/")


def _refusal(location: str, error: OSError) -> SourceError:
    shown = (location.rstrip("/") or "/").encode(errors="surrogateescape").decode(errors="backslashreplace")
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return source_error(
            "PATH_NOT_FOUND",
            f"The folder {shown} is not there; check source.uri, and that this machine has it mounted.",
            cause=str(error),
        )
    if isinstance(error, PermissionError):
        return source_error(
            "PERMISSION",
            f"The service may not read the folder {shown}; give its user the rights to read and enter it.",
            cause=str(error),
        )
    return source_error("CONNECTIVITY", f"The folder {shown} cannot be read now.", cause=str(error), retryable=True)
