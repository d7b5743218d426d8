"""The executor's settings, each with its default, read from AUTOLOADER_EXECUTOR_* variables."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "AUTOLOADER_EXECUTOR_"


class SettingsRefused(Exception):
    """Settings that cannot be used: each variable and what is wrong, never a value (a secret?)."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.problems = dict(problems)
        lines = (f"  {variable} (environment): {what}" for variable, what in self.problems.items())
        super().__init__("\n".join(["The executor's settings cannot be used:", *lines]))


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, hide_input_in_errors=True)

    control_plane: str = Field(
        default="127.0.0.1:50051",
        pattern=r"^(\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+):[0-9]{1,5}$",
        description="Where the control plane listens, `host:port`.",
    )
    name: str = Field(
        default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}",
        min_length=1,
        max_length=200,
        description="What people see this executor as. Default: host and process.",
    )
    pool: str = Field(
        default="default",
        pattern=r"^[A-Za-z0-9_-]{1,63}$",
        description="The pool of ingestions that it works for.",
    )
    leases_at_once: int = Field(
        default=1, ge=1, le=64, description="Number of leases that it works on at the same time."
    )
    spark_master: str = Field(
        default="local[*]", min_length=1, description="Master of a cluster, or a Spark Connect url."
    )
    spark_conf: Annotated[dict[str, str], NoDecode] = Field(
        default_factory=dict,
        repr=False,
        description="Spark's configuration, catalogs included, as a JSON object of texts.",
    )
    default_catalog: str = Field(
        default="local",
        pattern=r"^[A-Za-z0-9_]+$",
        description="Catalog of the tables that are named without one.",
    )
    data_folder: Path = Field(
        default=Path.home() / ".autoloader" / "executor",
        description="Where jars and scratch files are kept.",
    )
    metrics_port: int = Field(default=0, ge=0, le=65535, description="Port of the page /metrics; 0: no page.")
    metrics_host: str = Field(
        default="127.0.0.1", min_length=1, description="Address that the page /metrics listens on."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto", description="How the log is written; `auto`: for people on a terminal."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe events that are logged."
    )
    drain_seconds: PositiveFloat = Field(
        default=0.5, description="How long a lease at hand may go on after SIGTERM before it is given back."
    )
    allowed_environment: Annotated[frozenset[str], NoDecode] = Field(
        default=frozenset(),
        description="Variables that ingestions may take keys from, with commas between.",
    )
    allowed_files: Annotated[frozenset[Path], NoDecode] = Field(
        default=frozenset(),
        description="Files that ingestions may take keys from, absolute, with commas between.",
    )
    warm_start: bool = Field(default=False, description="Whether Spark starts at once, not with the first lease.")
    exit_with_parent: bool = Field(
        default=False, description="Whether to exit when standard input ends or the parent dies."
    )

    @field_validator("spark_conf", mode="before")
    @classmethod
    def _parse_object(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise ValueError("is not a JSON object") from None

    @field_validator("allowed_environment", "allowed_files", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value

    @field_validator("allowed_files")
    @classmethod
    def _be_absolute(cls, files: frozenset[Path]) -> frozenset[Path]:
        if not all(file.is_absolute() for file in files):
            raise ValueError("has a path that is not absolute")
        return files

    @field_validator("data_folder")
    @classmethod
    def _resolve(cls, folder: Path) -> Path:
        return folder.expanduser().resolve()


def read_settings() -> Settings:
    """The settings of this process. Raises SettingsRefused for what is wrong, or unknown."""
    problems = {variable: "is not a setting; see its spelling" for variable in _unknown_variables()}
    try:
        settings = Settings()
    except ValidationError as error:
        raise SettingsRefused(problems | _problems(error)) from None
    if problems:
        raise SettingsRefused(problems)
    return settings


def _unknown_variables() -> list[str]:
    known = {(PREFIX + name).upper() for name in Settings.model_fields}
    return sorted(
        variable for variable in os.environ if variable.upper().startswith(PREFIX) and variable.upper() not in known
    )


def _problems(error: ValidationError) -> dict[str, str]:
    """What pydantic says, by variable, without what it knows of the values.

    Keys inside a value are left out too: one of them may be a secret in the wrong place.
    """
    return {
        PREFIX + str(problem["loc"][0]).upper(): problem["msg"].removeprefix("Value error, ")
        for problem in error.errors(include_input=False, include_context=False, include_url=False)
    }
