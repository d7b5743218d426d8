"""Brings the jars of jars.lock onto this machine once, and refuses any that are not exactly those."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from executor.errors import StartRefused

# Conflicting or needless dependencies of the locked jars; the SDK bundle alone has 500 MB.
_EXCLUDES = (
    "software.amazon.awssdk:bundle",
    "software.amazon.awssdk:netty-nio-client",
    "org.slf4j:slf4j-api",
    "commons-logging:commons-logging",
    "commons-codec:commons-codec",
    "org.apache.httpcomponents:httpclient",
    "org.apache.httpcomponents:httpcore",
    "com.google.code.findbugs:jsr305",
    "org.checkerframework:checker-qual",
    "org.tukaani:xz",
)
_RESOLVER_CONF = ("spark.jars.repositories", "spark.jars.ivySettings")


@dataclass(frozen=True, slots=True)
class LockedJar:
    """A line of the lock."""

    coordinates: str
    file_name: str
    sha256: str


def read_lock() -> tuple[LockedJar, ...]:
    """The jars that this version was tested with."""
    lines = files("executor").joinpath("jars.lock").read_text().splitlines()
    return tuple(LockedJar(*line.split()) for line in lines if not line.startswith("#"))


def installed(
    data_folder: Path, *, java_home: Path, conf: Mapping[str, str], lock: tuple[LockedJar, ...]
) -> tuple[Path, ...]:
    """Paths of the locked jars, resolved over the network the first time only.

    Several processes may start at once: one resolves, the others wait. Raises StartRefused when
    the jars cannot be had, or when one of them is not the file that was locked.
    """
    folder = data_folder.absolute() / "jars"
    with _alone(folder.with_name("jars.busy")):
        if not folder.exists():
            _resolve(folder, lock, java_home=java_home, conf=conf)
        return _verified(folder, lock)


def _verified(folder: Path, lock: tuple[LockedJar, ...]) -> tuple[Path, ...]:
    for jar in lock:
        path = folder / jar.file_name
        if not path.exists():
            raise StartRefused(f"{path} is missing. Delete {folder} to have it brought again.")
        with path.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
        if found != jar.sha256:
            raise StartRefused(
                f"{path} is not the locked {jar.coordinates}: its sha256 is {found}, not "
                f"{jar.sha256}. Delete {folder} to have it brought again."
            )
    return tuple(folder / jar.file_name for jar in lock)


def _resolve(folder: Path, lock: tuple[LockedJar, ...], *, java_home: Path, conf: Mapping[str, str]) -> None:
    """Lets Spark's own resolver fetch the jars into a draft, which becomes `folder` when verified."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="jars.draft.") as draft:
        _run_resolver(Path(draft), lock, java_home=java_home, conf=conf)
        _verified(Path(draft) / "jars", lock)
        shutil.move(Path(draft) / "jars", folder)


def _run_resolver(draft: Path, lock: tuple[LockedJar, ...], *, java_home: Path, conf: Mapping[str, str]) -> None:
    spark_home = Path(next(iter(_package_folders("pyspark"))))
    chosen = {key: conf[key] for key in _RESOLVER_CONF if key in conf}
    options = {"spark.jars.ivy": str(draft), "spark.master": "local[1]", **chosen}
    command = [
        str(spark_home / "bin" / "spark-submit"),
        *(word for key, value in options.items() for word in ("--conf", f"{key}={value}")),
        "--packages", ",".join(jar.coordinates for jar in lock),
        "--exclude-packages", ",".join(_EXCLUDES),
        # spark-submit resolves before it runs a class; this one prints a version and ends.
        "--class", "org.apache.hadoop.util.VersionInfo", "spark-internal",
    ]  # fmt: skip
    environment = {**os.environ, "JAVA_HOME": str(java_home), "SPARK_HOME": str(spark_home)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise StartRefused(
            "The jars could not be brought from the Maven repository; Spark's resolver says: "
            + (done.stdout + done.stderr)[-2000:]
        )


def _package_folders(package: str) -> Iterator[str]:
    from importlib.util import find_spec

    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise StartRefused("Spark is not installed. `pip install 'autoloader[executor]'`.")
    yield from spec.submodule_search_locations


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Holds the lock file at `path`, which the system lets go of when the process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
