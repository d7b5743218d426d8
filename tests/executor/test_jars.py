"""The jars: brought once, and exactly those that were locked."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import pytest

from executor.errors import StartRefused
from executor.jars import LockedJar, installed, read_lock
from executor.java import java_home

JAR = LockedJar("org.example:thing:1", "thing-1.jar", hashlib.sha256(b"thing").hexdigest())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / JAR.file_name).write_bytes(b"thing")
    return tmp_path


def test_the_lock_has_47_jars_with_whole_hashes_and_no_host() -> None:
    lock = read_lock()
    assert len(lock) == 47
    assert all(len(jar.sha256) == 64 for jar in lock)
    assert max(Counter(jar.file_name for jar in lock).values()) == 1
    assert not any("/" in jar.coordinates for jar in lock)


def test_verified_jars_are_used_without_the_network(folder: Path) -> None:
    paths = installed(folder, java_home=Path("/none"), conf={}, lock=(JAR,))
    assert paths == (folder / "jars" / JAR.file_name,)


def test_a_jar_with_another_content_is_refused(folder: Path) -> None:
    (folder / "jars" / JAR.file_name).write_bytes(b"evil")
    with pytest.raises(StartRefused, match="is not the locked"):
        installed(folder, java_home=Path("/none"), conf={}, lock=(JAR,))


def test_a_missing_jar_is_refused(folder: Path) -> None:
    (folder / "jars" / JAR.file_name).unlink()
    with pytest.raises(StartRefused, match="is missing"):
        installed(folder, java_home=Path("/none"), conf={}, lock=(JAR,))


def test_what_cannot_be_brought_is_refused_and_leaves_nothing(tmp_path: Path, data_folder: Path) -> None:
    empty = tmp_path / "repository"
    empty.mkdir()
    settings = tmp_path / "ivysettings.xml"
    settings.write_text(
        f"""<ivysettings><settings defaultResolver="local"/><resolvers>
        <filesystem name="local"><artifact pattern="{empty}/[artifact]-[revision].[ext]"/>
        </filesystem></resolvers></ivysettings>"""
    )
    with pytest.raises(StartRefused, match="could not be brought"):
        installed(
            tmp_path / "data",
            java_home=java_home(data_folder),
            conf={"spark.jars.ivySettings": str(settings)},
            lock=(JAR,),
        )
    assert not (tmp_path / "data" / "jars").exists()
