"""Finds the keys that a lease refers to, in the variables and files that the operator allows."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from executor.errors import AttemptFailed
from executor.lease import Category, Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Keys of an S3 server; all empty: the default chain."""

    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRing:
    """What ingestions may refer to.

    The operator says so: a user who could name any variable could use any secret of the host.
    """

    variables: frozenset[str] = frozenset()
    files: frozenset[Path] = frozenset()
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    def from_environment(self, *, access_key_id: str, secret_access_key: str) -> Keys:
        """Keys in these variables. Raises AttemptFailed when one is not allowed, or not set."""
        return Keys(
            access_key_id=self._variable(access_key_id),
            secret_access_key=self._variable(secret_access_key),
        )

    def from_file(self, path: Path) -> Keys:
        """Keys in `name=value` lines. Raises AttemptFailed when it is refused, or lacks one."""
        if path not in self.files:
            raise refused(
                f"The credentials' file {path} is not allowed on this executor. "
                "Its operator adds it to AUTOLOADER_EXECUTOR_ALLOWED_FILES."
            )
        values = _read(path)
        for name in ("access_key_id", "secret_access_key"):
            if not values.get(name):
                raise refused(f"The credentials' file {path} has no line `{name}=…`. Add it.")
        return Keys(
            access_key_id=values["access_key_id"],
            secret_access_key=values["secret_access_key"],
            session_token=values.get("session_token", ""),
        )

    def _variable(self, name: str) -> str:
        if name not in self.variables:
            raise refused(
                f"The environment variable {name} is not allowed on this executor. "
                "Its operator adds it to AUTOLOADER_EXECUTOR_ALLOWED_ENVIRONMENT."
            )
        if not (value := self.environment.get(name, "")):
            raise refused(f"The environment variable {name} is not set on this executor. Set it.")
        return value


def refused(message: str, *, cause: str = "") -> AttemptFailed:
    """The failure of a lease whose keys cannot be found."""
    return AttemptFailed(Failure(category=Category.AUTHENTICATION, message=message, cause=cause))


def _read(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        # The text of a decoding error shows the bytes: only its kind is told.
        cause = error.strerror if isinstance(error, OSError) else type(error).__name__
        message = f"The credentials' file {path} cannot be read on this executor: {cause}."
        raise refused(message) from error
    pairs = (line.partition("=") for line in lines if not line.lstrip().startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}
