"""Folders of this machine: order, odd names, links, and what goes away meanwhile."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from control_plane.domain.file import ListedFile
from control_plane.sources.local import LocalSource
from control_plane.sources.source import SourceError, SourceSpec


async def files_of(folder: Path | str, pattern: str = "**", page_files: int = 3) -> list[ListedFile]:
    source = LocalSource(SourceSpec(uri=f"file://{folder}", pattern=pattern), page_files=page_files)
    return [file async for page in source.list() for file in page.files]


async def paths_of(folder: Path, pattern: str = "**") -> list[str]:
    return [file.uri.removeprefix(f"file://{folder}/") for file in await files_of(folder, pattern)]


def put(folder: Path, *paths: str | bytes) -> None:
    for path in paths:
        file = os.path.join(os.fsencode(folder), os.fsencode(path))
        os.makedirs(os.path.dirname(file), exist_ok=True)
        Path(os.fsdecode(file)).write_bytes(b"{}")


def walked(folder: Path) -> list[str]:
    return [os.path.relpath(os.path.join(above, name), folder) for above, _, names in os.walk(folder) for name in names]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sets(st.text(alphabet="a-./0\u00e9\U0001f389\uffee", min_size=1, max_size=8), max_size=12))
async def test_every_tree_is_listed_once_in_byte_order(
    tmp_path_factory: pytest.TempPathFactory, paths: set[str]
) -> None:
    folder = tmp_path_factory.mktemp("tree")
    for path in paths:
        try:
            put(folder, path.strip("/") or "x")
        except (IsADirectoryError, NotADirectoryError, FileExistsError):
            continue
    listed = await paths_of(folder)
    assert listed == sorted(walked(folder), key=str.encode)


async def test_names_that_are_not_utf8_are_listed_apart_and_in_order(tmp_path: Path) -> None:
    put(tmp_path, b"a\xff.json", b"a%FF.json", b"b\xff/x.json", b"b%FF/x.json", b"-.json")
    put(tmp_path, b"b%FF/-.json", b"c%\xfe.json")
    files = await files_of(tmp_path)
    paths = [file.uri.removeprefix(f"file://{tmp_path}/") for file in files]
    assert paths == [
        "-.json",
        "/a%FF.json",
        "/b%FF/x.json",
        "/c%25%FE.json",
        "a%FF.json",
        "b%FF/-.json",
        "b%FF/x.json",
    ]
    assert ["not UTF-8" in file.unsupported for file in files] == [False, *[True] * 3, *[False] * 3]
    assert {file.size_bytes for file in files} == {2}


async def test_a_pattern_sees_names_that_are_not_utf8_as_they_are(tmp_path: Path) -> None:
    put(tmp_path, b"a\xff.json")
    assert await paths_of(tmp_path, "*.json") == ["/a%FF.json"]


async def test_links_to_files_and_folders_are_followed(tmp_path: Path) -> None:
    put(tmp_path, "elsewhere/x.json", "in/a.json")
    (tmp_path / "in" / "file.json").symlink_to(tmp_path / "elsewhere" / "x.json")
    (tmp_path / "in" / "folder").symlink_to(tmp_path / "elsewhere")
    assert await paths_of(tmp_path / "in") == ["a.json", "file.json", "folder/x.json"]


async def test_a_link_into_a_folder_above_ends_there(tmp_path: Path) -> None:
    put(tmp_path, "a/b/x.json")
    (tmp_path / "a" / "b" / "loop").symlink_to(tmp_path / "a")
    assert await paths_of(tmp_path) == ["a/b/x.json"]


async def test_what_is_no_regular_file_is_listed_with_the_rule(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "nowhere.json").symlink_to(tmp_path / "absent")
    (tmp_path / "itself.json").symlink_to("itself.json")
    files = await files_of(tmp_path)
    assert len(files) == 3
    assert all("no regular file" in file.unsupported for file in files)


async def test_pages_are_cut_by_what_was_listed_and_not_by_what_matched(tmp_path: Path) -> None:
    put(tmp_path, *(f"{number}.csv" for number in range(7)), "z.json")
    source = LocalSource(SourceSpec(uri=f"file://{tmp_path}", pattern="*.json"), page_files=3)
    pages = [page async for page in source.list()]
    assert [(page.objects_listed, len(page.files)) for page in pages] == [(3, 0), (3, 0), (2, 1)]


async def test_folders_that_cannot_match_are_not_read(tmp_path: Path) -> None:
    put(tmp_path, "2024/01/a.json", "2024/02/a.json", "2025/a.json", "20/a.json")
    source = LocalSource(SourceSpec(uri=f"file://{tmp_path}", pattern="2024/01/*"))
    (page,) = [page async for page in source.list()]
    assert (page.requests, page.objects_listed, len(page.files)) == (3, 1, 1)


async def test_files_and_folders_that_vanish_during_the_walk_are_left_out(tmp_path: Path) -> None:
    put(tmp_path, "a.json", "b.json", "c/x.json", "d.json")
    source = LocalSource(SourceSpec(uri=f"file://{tmp_path}"), page_files=1)
    walk = source._pages()
    next(walk)
    (tmp_path / "b.json").unlink()
    (tmp_path / "c" / "x.json").unlink()
    (tmp_path / "c").rmdir()
    uris = [file.uri for page in walk for file in page.files]
    assert uris == [f"file://{tmp_path}/d.json"]


@pytest.mark.parametrize("arrange", [lambda path: None, lambda path: path.write_text("")])
async def test_a_folder_that_is_not_there_is_named(tmp_path: Path, arrange: Callable[[Path], object]) -> None:
    arrange(tmp_path / "in")
    with pytest.raises(SourceError) as caught:
        await files_of(tmp_path / "in")
    assert caught.value.error.category == "PATH_NOT_FOUND"
    assert f"{tmp_path}/in" in caught.value.error.message


LIST_AS_NOBODY = """
    import asyncio, os, sys
    from control_plane.sources.local import LocalSource
    from control_plane.sources.source import SourceError, SourceSpec

    async def drain():
        async for _ in LocalSource(SourceSpec(uri=sys.argv[1])).list():
            pass

    if os.getuid() == 0:
        os.setgroups([])
        os.setuid(65534)
    try:
        asyncio.run(drain())
    except SourceError as error:
        sys.stdout.write(f"{error.error.category} {error.error.message}")
"""


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that other users can enter, as those of pytest are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


async def test_a_folder_within_that_may_not_be_read_is_an_error(public_folder: Path) -> None:
    put(public_folder, "open/a.json", "shut/b.json")
    (public_folder / "shut").chmod(0)
    command = [sys.executable, "-c", textwrap.dedent(LIST_AS_NOBODY), f"file://{public_folder}"]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
    (public_folder / "shut").chmod(0o700)
    assert done.stdout.startswith("PERMISSION")
    assert f"{public_folder}/shut;" in done.stdout
