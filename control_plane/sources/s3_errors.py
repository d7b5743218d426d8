"""What an S3 server or its client says when a listing fails, in the words of a person."""

from __future__ import annotations

from typing import Any

from botocore import exceptions

from control_plane.sources.source import SourceError, SourceSpec, source_error

_AUTHENTICATION = {
    "AuthorizationHeaderMalformed",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSecurity",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
    "UnauthorizedAccess",
    "UnrecognizedClientException",
    "401",
}
_PERMISSION = {
    "AccessDenied",
    "AccessDeniedException",
    "AccountProblem",
    "AllAccessDisabled",
    "Forbidden",
    "NotSignedUp",
    "UnauthorizedOperation",
    "403",
}
_THROTTLED = {
    "RequestLimitExceeded",
    "RequestThrottled",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
    "TooManyRequestsException",
    "429",
    "503",
}
_AWAY = {
    "InternalError",
    "OperationAborted",
    "RequestTimeout",
    "ServiceUnavailable",
    "500",
    "502",
    "504",
}
_OTHER_REGION = {"PermanentRedirect", "IllegalLocationConstraintException", "301", "307"}

_NO_CREDENTIALS = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
    exceptions.TokenRetrievalError,
    exceptions.ProfileNotFound,
    exceptions.SSOError,
    exceptions.NoAuthTokenError,
)
_UNREACHABLE = (
    exceptions.ConnectionError,
    exceptions.HTTPClientError,
    exceptions.IncompleteReadError,
)


def classify(error: Exception, spec: SourceSpec, bucket: str) -> SourceError:
    """Puts an error of the client into a category, by its type or its typed code; no secret gets
    into it.
    """
    cause = _without_secrets(f"{type(error).__name__}: {error}", spec)
    server = spec.endpoint or "AWS"
    match error:
        case exceptions.ClientError():
            return _refused(error.response, bucket, server, cause)
        case _ if isinstance(error, _NO_CREDENTIALS):
            return source_error(
                "AUTHENTICATION",
                "No credentials were found in the service's own environment; set "
                "source.credentials, or give it a role.",
                cause=cause,
            )
        case _ if isinstance(error, _UNREACHABLE):
            return source_error(
                "CONNECTIVITY",
                f"The S3 server {server} could not be reached; it is tried again. If this stays, "
                "check source.s3.endpoint "
                "and the network.",
                cause=cause,
                retryable=True,
            )
        case _:
            return source_error("UNKNOWN", f"The bucket {bucket} at {server} cannot be listed.", cause=cause)


def not_a_listing(spec: SourceSpec, cause: str) -> SourceError:
    """Says that an answer is no listing, or none that can be gone on from: never to be taken for
    its end.
    """
    return source_error(
        "UNKNOWN",
        f"The server {spec.endpoint or 'AWS'} answered with something that is no S3 listing; check source.s3.endpoint.",
        cause=cause,
    )


def _refused(response: Any, bucket: str, server: str, cause: str) -> SourceError:
    code = str(response.get("Error", {}).get("Code", ""))
    status = str(response.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))
    category, message = _by_code(code, bucket, server)
    if not category:
        category, message = _by_code(status, bucket, server)
    if not category:
        category, message = (
            "UNKNOWN",
            f"The server {server} refused to list the bucket {bucket} ({code or status}).",
        )
    retryable = category in ("THROTTLED", "CONNECTIVITY")
    return source_error(category, message, cause=cause, retryable=retryable)


def _by_code(code: str, bucket: str, server: str) -> tuple[str, str]:
    if code in _AUTHENTICATION:
        return (
            "AUTHENTICATION",
            f"The server {server} refused the credentials ({code}); check source.credentials.",
        )
    if code == "RequestTimeTooSkewed":
        return (
            "AUTHENTICATION",
            f"The clock of this machine differs too much from that of {server}; set it right.",
        )
    if code in _PERMISSION:
        return (
            "PERMISSION",
            f"The credentials lack the right s3:ListBucket on the bucket {bucket}; grant it.",
        )
    if code == "NoSuchBucket":
        return (
            "BUCKET_NOT_FOUND",
            f"The bucket {bucket} is not there at {server}; check source.uri and source.s3.",
        )
    if code in _OTHER_REGION:
        return (
            "BUCKET_NOT_FOUND",
            f"The bucket {bucket} lies in another region; set source.s3.region to it.",
        )
    if code in _THROTTLED:
        return "THROTTLED", f"The server {server} asked to slow down; it is tried again later."
    if code in _AWAY:
        return "CONNECTIVITY", f"The server {server} failed ({code}); it is tried again later."
    return "", ""


def _without_secrets(text: str, spec: SourceSpec) -> str:
    for secret in (spec.secret_access_key, spec.session_token):
        if secret:
            text = text.replace(secret, "***")
    return text
