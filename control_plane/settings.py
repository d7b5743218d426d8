"""The control plane's settings, each with its default: AUTOLOADER_* variables, else a TOML file."""

from __future__ import annotations

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "AUTOLOADER_"
OFF = "off"
# Variables of others: the executor checks its own, the last are for tests.
FOREIGN_PREFIXES = (f"{PREFIX}EXECUTOR_", f"{PREFIX}TEST_")


class SettingsRefused(Exception):
    """Settings that cannot be used: what is wrong with each, and where it came from; no values."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.problems = dict(problems)
        lines = (f"  {setting}: {what}" for setting, what in self.problems.items())
        super().__init__("\n".join(["The control plane's settings cannot be used:", *lines]))


def _loopback(address: str) -> str:
    host, _, port = address.rpartition(":")
    if not port.isdecimal() or int(port) > 65535 or not host:
        raise ValueError("is no address; write host:port")
    if host != "localhost" and not _is_loopback(host.strip("[]")):
        raise ValueError("is not a loopback address; others are refused until TLS and tokens come")
    return address


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("is a path that is not absolute")
    return path


Address = Annotated[str, AfterValidator(_loopback)]
AddressOrOff = Annotated[str, AfterValidator(lambda text: text if text == OFF else _loopback(text))]
AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class LedgerSettings(BaseSettings):
    """What it takes to reach the ledger."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, hide_input_in_errors=True)

    database_url: SecretStr = Field(
        description="PostgreSQL of the ledger, `postgresql://user:password@host:port/database`."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto", description="How the log is written; `auto`: for people on a terminal."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe events that are logged."
    )

    @field_validator("database_url")
    @classmethod
    def _be_postgresql(cls, url: SecretStr) -> SecretStr:
        if not url.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("is no PostgreSQL url; write postgresql://user:password@host/database")
        return url


class Settings(LedgerSettings):
    sealing_key_file: AbsolutePath = Field(
        description="File of the key that seals stored credentials; `autoloader make-key` makes one."
    )
    listen: Address = Field(
        default="127.0.0.1:50051", description="Where gRPC is served, `host:port`; port 0: any free."
    )
    metrics_listen: AddressOrOff = Field(
        default="127.0.0.1:9464", description="Where the page /metrics is served, or `off`."
    )
    allowed_local_folders: Annotated[frozenset[AbsolutePath], NoDecode] = Field(
        default=frozenset(),
        description="Folders that ingestions may load from, with commas between.",
    )
    allow_loopback_endpoints: bool = Field(default=False, description="Whether S3 endpoints may be on this machine.")
    allowed_environment: Annotated[frozenset[str], NoDecode] = Field(
        default=frozenset(),
        description="Variables that ingestions may take keys from, with commas between.",
    )
    allowed_credential_files: Annotated[frozenset[AbsolutePath], NoDecode] = Field(
        default=frozenset(),
        description="Files that ingestions may take keys from, with commas between.",
    )
    database_connections: int = Field(default=10, ge=2, le=500, description="Most connections to PostgreSQL at a time.")
    lease_seconds: Seconds = Field(
        default=60.0, description="How long an executor may be silent before its lease is taken."
    )
    poll_seconds: Seconds = Field(default=1.0, description="How often each loop looks for work when nothing wakes it.")
    retry_first_seconds: Seconds = Field(
        default=1.0, description="Pause before a failed lease is tried again; it doubles each time."
    )
    retry_longest_seconds: Seconds = Field(
        default=300.0, description="Longest pause before a failed lease is tried again."
    )
    drain_seconds: Seconds = Field(default=30.0, description="How long calls at hand may go on after SIGTERM.")

    @field_validator("allowed_local_folders", "allowed_environment", "allowed_credential_files", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value

    @field_validator("poll_seconds")
    @classmethod
    def _fit_into_a_lease(cls, seconds: float, others: ValidationInfo) -> float:
        if seconds > others.data.get("lease_seconds", seconds * 2) / 2:
            raise ValueError("is longer than half of lease_seconds")
        return seconds

    @field_validator("retry_longest_seconds")
    @classmethod
    def _reach_the_first(cls, seconds: float, others: ValidationInfo) -> float:
        if seconds < others.data.get("retry_first_seconds", seconds):
            raise ValueError("is shorter than retry_first_seconds")
        return seconds


Kind = TypeVar("Kind", bound=LedgerSettings)


def read_settings(kind: type[Kind], *, file: Path | None = None) -> Kind:
    """The settings of this process: the environment, else the file, else the defaults.

    Raises SettingsRefused for what is wrong, missing or unknown.
    """
    in_file = _read(file) if file else {}
    problems = {_name(key, in_file, file): "is not a setting" for key in _unknown(in_file)}
    given = {key: value for key, value in in_file.items() if not _in_environment(key)}
    known = {key: value for key, value in given.items() if key in kind.model_fields}
    try:
        settings = kind(**known)
    except ValidationError as error:
        found = {str(problem["loc"][0]): _message(problem) for problem in _list(error)}
        problems |= {_name(key, in_file, file): message for key, message in found.items()}
        raise SettingsRefused(problems) from None
    if problems:
        raise SettingsRefused(problems)
    return settings


def origin_of(key: str, *, file: Path | None = None) -> str:
    """Where a setting's value comes from, for a person."""
    return _origin(key, _read(file) if file else {}, file)


def variable_of(key: str) -> str:
    """The environment variable of a setting."""
    return f"{PREFIX}{key.upper()}"


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text())
    except OSError as error:
        raise SettingsRefused({str(file): f"cannot be read: {error.strerror}"}) from None
    except ValueError:
        raise SettingsRefused({str(file): "is not TOML in UTF-8"}) from None


def _unknown(in_file: Mapping[str, Any]) -> list[str]:
    """Keys, as a settings file spells them, that no setting has; a typing error must not be silent."""
    ours = [
        name.upper().removeprefix(PREFIX).lower()
        for name in os.environ
        if name.upper().startswith(PREFIX) and not name.upper().startswith(FOREIGN_PREFIXES)
    ]
    return sorted({*ours, *in_file}.difference(Settings.model_fields))


def _in_environment(key: str) -> bool:
    return any(name.upper() == variable_of(key) and value for name, value in os.environ.items())


def _origin(key: str, in_file: Mapping[str, Any], file: Path | None) -> str:
    if _in_environment(key):
        return "environment"
    return str(file) if key in in_file else "default"


def _name(key: str, in_file: Mapping[str, Any], file: Path | None) -> str:
    if key in in_file and not _in_environment(key):
        return f"{key} ({file})"
    return f"{variable_of(key)} (environment)" if _in_environment(key) else variable_of(key)


def _list(error: ValidationError) -> list[ErrorDetails]:
    return error.errors(include_input=False, include_context=False, include_url=False)


def _message(problem: ErrorDetails) -> str:
    if problem["type"] == "missing":
        return "is needed and not set"
    return problem["msg"].removeprefix("Value error, ")
