"""Turns what Spark, Iceberg or S3 threw into a Failure: by types and error codes, not by prose."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
)

from executor.errors import AttemptFailed
from executor.lease import Category, Failure

_CAUSE_CHARACTERS_MAX = 2000
_CAUSES_MAX = 20

_MESSAGES = {
    Category.AUTHENTICATION: "The store refused the credentials.",
    Category.PERMISSION: "The credentials lack the right to read this: s3:GetObject for objects.",
    Category.BUCKET_NOT_FOUND: "The bucket is not there.",
    Category.FILE_MISSING: "The file went away before it was read.",
    Category.FILE_CHANGED: "The file changed after it was listed; the next run sees the new version.",
    Category.THROTTLED: "The store asked to slow down.",
    Category.CONNECTIVITY: "The store could not be reached.",
    Category.CATALOG_UNAVAILABLE: "The catalog could not be reached.",
    Category.WRITE_FAILURE: "The table could not be written.",
    Category.SCHEMA_MISMATCH: "The columns do not fit those of the table.",
    Category.UNKNOWN: "Loading failed for a reason that Autoloader does not know.",
}
_NEVER_HELPS = (Category.SCHEMA_MISMATCH,)

# Codes of S3's own errors.
_S3_CODES = {
    "InvalidAccessKeyId": Category.AUTHENTICATION,
    "SignatureDoesNotMatch": Category.AUTHENTICATION,
    "ExpiredToken": Category.AUTHENTICATION,
    "InvalidToken": Category.AUTHENTICATION,
    "InvalidClientTokenId": Category.AUTHENTICATION,
    "AccessDenied": Category.PERMISSION,
    "403": Category.PERMISSION,
    "NoSuchBucket": Category.BUCKET_NOT_FOUND,
    "NoSuchKey": Category.FILE_MISSING,
    "404": Category.FILE_MISSING,
    # It is shorter than it was when it was listed.
    "InvalidRange": Category.FILE_CHANGED,
    "SlowDown": Category.THROTTLED,
    "Throttling": Category.THROTTLED,
    "RequestLimitExceeded": Category.THROTTLED,
    "503": Category.THROTTLED,
}
# Spark's error conditions, by their first part.
_CONDITIONS = {
    "PATH_NOT_FOUND": Category.FILE_MISSING,
    "INCOMPATIBLE_DATA_FOR_TABLE": Category.SCHEMA_MISMATCH,
    "INSERT_COLUMN_ARITY_MISMATCH": Category.SCHEMA_MISMATCH,
    "PARSE_SYNTAX_ERROR": Category.SCHEMA_MISMATCH,
    "UNSUPPORTED_DATATYPE": Category.SCHEMA_MISMATCH,
}
# Java classes, by their simple names; the first link of the chain that is known decides.
_CLASSES = {
    "AccessDeniedException": Category.PERMISSION,
    "NoAuthWithAWSException": Category.AUTHENTICATION,
    "CredentialInitializationException": Category.AUTHENTICATION,
    "UnknownStoreException": Category.BUCKET_NOT_FOUND,
    "NoSuchBucketException": Category.BUCKET_NOT_FOUND,
    "FileNotFoundException": Category.FILE_MISSING,
    "RemoteFileChangedException": Category.FILE_CHANGED,
    "AWSServiceThrottledException": Category.THROTTLED,
    "UncheckedSQLException": Category.CATALOG_UNAVAILABLE,
    "SQLException": Category.CATALOG_UNAVAILABLE,
    "SQLTransientConnectionException": Category.CATALOG_UNAVAILABLE,
    "SQLNonTransientConnectionException": Category.CATALOG_UNAVAILABLE,
    "PSQLException": Category.CATALOG_UNAVAILABLE,
    "SQLiteException": Category.CATALOG_UNAVAILABLE,
    "UncheckedInterruptedException": Category.CATALOG_UNAVAILABLE,
    "RESTException": Category.CATALOG_UNAVAILABLE,
    "ServiceFailureException": Category.CATALOG_UNAVAILABLE,
    "ServiceUnavailableException": Category.CATALOG_UNAVAILABLE,
    "NotAuthorizedException": Category.CATALOG_UNAVAILABLE,
    "ForbiddenException": Category.CATALOG_UNAVAILABLE,
    "CommitFailedException": Category.WRITE_FAILURE,
    "CommitStateUnknownException": Category.WRITE_FAILURE,
    "ValidationException": Category.WRITE_FAILURE,
    "RuntimeIOException": Category.WRITE_FAILURE,
    "AWSBadRequestException": Category.CONNECTIVITY,
    "ConnectTimeoutException": Category.CONNECTIVITY,
    "ConnectException": Category.CONNECTIVITY,
    "UnknownHostException": Category.CONNECTIVITY,
    "SocketTimeoutException": Category.CONNECTIVITY,
    "SdkClientException": Category.CONNECTIVITY,
    "AWSClientIOException": Category.CONNECTIVITY,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One exception of a chain of causes."""

    class_name: str
    condition: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    message: str = ""


def failure_of(error: BaseException, *, secrets: Iterable[str] = ()) -> Failure:
    """The Failure that an exception stands for; `secrets` never appear in it."""
    links = tuple(_links(error))
    category = _category(error, links)
    cause = " / ".join(dict.fromkeys(link.message for link in links if link.message))
    for secret in filter(None, secrets):
        cause = cause.replace(secret, "***")
    return Failure(
        category=category,
        message=_MESSAGES.get(category, _MESSAGES[Category.UNKNOWN]),
        cause=cause[:_CAUSE_CHARACTERS_MAX],
        retryable=category not in _NEVER_HELPS,
    )


def unreadable_path(error: BaseException) -> str | None:
    """The path of the file whose reading failed, as Spark spells it, when an error names one."""
    for link in _links(error):
        if link.condition.startswith(("FAILED_READ_FILE", "PATH_NOT_FOUND")):
            return link.parameters.get("path")
    return None


def has_malformed_record(error: BaseException) -> bool:
    """Whether a record that cannot be read ended the job, or a number too large for its type."""
    return any(link.condition.startswith("MALFORMED_RECORD_IN_PARSING") for link in _links(error))


def _category(error: BaseException, links: tuple[Link, ...]) -> Category:
    if isinstance(error, ClientError):
        code = str(error.response.get("Error", {}).get("Code", ""))
        return _S3_CODES.get(code, Category.UNKNOWN)
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return Category.AUTHENTICATION
    if isinstance(error, BotoCoreError):
        return Category.CONNECTIVITY
    known = [_link_category(link) for link in links]
    return next((category for category in known if category), Category.UNKNOWN)


def _link_category(link: Link) -> Category | None:
    if link.condition and (category := _CONDITIONS.get(link.condition.split(".")[0])):
        return category
    if code := re.search(r"\b(InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken)\b", link.message):
        return _S3_CODES[code[1]]
    return _CLASSES.get(link.class_name.rpartition(".")[2])


def _links(error: BaseException) -> Iterator[Link]:
    """The chain of causes, of the JVM where it can be seen, else as Spark Connect tells it."""
    java: Any = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    if java is None:
        yield _python_link(error)
        return
    for _ in range(_CAUSES_MAX):
        if java is None:
            return
        yield _java_link(java)
        java = java.getCause()


def _python_link(error: BaseException) -> Link:
    condition = getattr(error, "getCondition", lambda: None)() or ""
    parameters = getattr(error, "getMessageParameters", lambda: None)() or {}
    return Link(
        class_name=type(error).__name__,
        condition=condition,
        parameters=dict(parameters),
        message=str(error),
    )


def _java_link(java: Any) -> Link:
    name, message = java.getClass().getName(), java.getMessage() or ""
    try:
        parameters = java.getMessageParameters()
        return Link(
            class_name=name,
            condition=java.getCondition() or "",
            parameters={key: parameters[key] for key in parameters},
            message=message,
        )
    except Exception:  # the bridge's way to say that this class is none of Spark's own
        return Link(class_name=name, message=message)


def is_from_spark(error: BaseException) -> bool:
    """Whether Spark threw it, or the bridge to its JVM."""
    return type(error).__module__.partition(".")[0] in ("pyspark", "py4j")


@contextmanager
def attempt_fails(secrets: Iterable[str]) -> Iterator[None]:
    """Lets what Spark throws end the attempt, with its diagnosis."""
    try:
        yield
    except Exception as error:
        if not is_from_spark(error):
            raise
        raise AttemptFailed(failure_of(error, secrets=secrets)) from error
