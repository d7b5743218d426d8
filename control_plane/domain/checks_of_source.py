"""What can be said about where the files are, and about the rights to read them, without asking the store."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from control_plane.domain.endpoint import check_endpoint
from control_plane.domain.glob import compile_glob
from control_plane.domain.ingestion import Credentials, CredentialsKind, S3Options, Source
from control_plane.domain.rules import Rules
from control_plane.domain.tried import tried
from control_plane.domain.uri import SourceKind, parse_uri
from control_plane.errors import Violation

EXCLUDE_MAX = 100


def check_source(source: Source, rules: Rules) -> Iterator[Violation]:
    """Yields what is wrong with a source, by field path in the ingestion."""
    uri = yield from tried("source.uri", lambda: parse_uri(source.uri))
    if uri is not None and uri.kind is SourceKind.FILE:
        yield from _check_local(source, uri.folder or "/", rules)
    yield from _check_globs(source)
    if source.s3:
        yield from _check_s3(source.s3, rules)
    if source.credentials:
        yield from _check_credentials(source.credentials, rules)


def _check_local(source: Source, folder: str, rules: Rules) -> Iterator[Violation]:
    if not any(PurePosixPath(folder).is_relative_to(allowed) for allowed in rules.local_folders):
        yield Violation(
            "source.uri",
            f"the operator has not allowed the local folder {folder}; use s3://, or ask for it",
        )
    for field, value in (("s3", source.s3), ("credentials", source.credentials)):
        if value is not None:
            yield Violation(f"source.{field}", "is of no use for a local folder; leave it out")


def _check_globs(source: Source) -> Iterator[Violation]:
    yield from tried("source.pattern", lambda: compile_glob(source.pattern or "**"))
    if len(source.exclude) > EXCLUDE_MAX:
        count = len(source.exclude)
        yield Violation("source.exclude", f"has {count} globs; at most {EXCLUDE_MAX} fit")
        return
    wrong = [
        violation
        for position, glob in enumerate(source.exclude)
        for violation in tried(f"source.exclude[{position}]", partial(compile_glob, glob))
    ]
    yield from wrong or tried("source.exclude", lambda: compile_glob("**", source.exclude))


def _check_s3(s3: S3Options, rules: Rules) -> Iterator[Violation]:
    if s3.endpoint:
        allowed = rules.loopback_endpoints_allowed
        yield from tried("source.s3.endpoint", lambda: check_endpoint(s3.endpoint, allowed))
    if not re.fullmatch(r"[a-z0-9-]{0,63}", s3.region):
        yield Violation("source.s3.region", f'"{s3.region}" is no region; one looks like `eu-central-1`')


def _check_credentials(credentials: Credentials, rules: Rules) -> Iterator[Violation]:
    match credentials.kind:
        case CredentialsKind.STATIC:
            yield from _check_static(credentials)
        case CredentialsKind.ENVIRONMENT:
            for field in ("access_key_id_variable", "secret_access_key_variable"):
                yield from _check_variable(field, getattr(credentials, field), rules)
        case CredentialsKind.FILE:
            if credentials.path not in rules.credential_files:
                yield Violation(
                    "source.credentials.file.path",
                    f'the operator has not allowed the file "{credentials.path}"; ask for it',
                )
        case CredentialsKind.DEFAULT_CHAIN:
            return


def _check_static(credentials: Credentials) -> Iterator[Violation]:
    field = "source.credentials.static_keys"
    if not re.fullmatch(r"[\x21-\x7e]{1,256}", credentials.access_key_id):
        yield Violation(f"{field}.access_key_id", "is missing, or is no access key id")
    if not credentials.sealed:
        yield Violation(
            f"{field}.secret_access_key",
            "is missing; it may be left out only in an update that keeps the access key id",
        )


def _check_variable(field: str, variable: str, rules: Rules) -> Iterator[Violation]:
    if variable not in rules.environment_variables:
        yield Violation(
            f"source.credentials.environment.{field}",
            f'the operator has not allowed the environment variable "{variable}"; ask for it',
        )
