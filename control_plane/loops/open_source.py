"""Opens an ingestion's source with its credentials: unsealed, or found where the operator lets references point."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from control_plane.domain.ingestion import Credentials, CredentialsKind, Ingestion, S3Options
from control_plane.domain.keys import SecretKeys, sealing_owner
from control_plane.sources.registry import open_source
from control_plane.sources.source import Source, SourceError, SourceSpec, source_error
from control_plane.vault import Vault, VaultError


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOpener:
    """Knows the vault, and the variables and files that the operator allows ingestions to take keys from."""

    vault: Vault
    allowed_environment: frozenset[str]
    allowed_files: frozenset[Path]
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    def open(self, ingestion: Ingestion) -> Source:
        """Opens the source; raises SourceError (AUTHENTICATION) when its keys cannot be had."""
        s3 = ingestion.source.s3 or S3Options()
        access_key_id, secret = self._keys(ingestion)
        return open_source(
            SourceSpec(
                uri=ingestion.source.uri,
                pattern=ingestion.source.pattern or "**",
                exclude=ingestion.source.exclude,
                endpoint=s3.endpoint or None,
                region=s3.region or None,
                path_style=s3.path_style,
                access_key_id=access_key_id or None,
                secret_access_key=secret.secret_access_key or None,
                session_token=secret.session_token or None,
            )
        )

    def _keys(self, ingestion: Ingestion) -> tuple[str, SecretKeys]:
        credentials = ingestion.source.credentials
        match credentials and credentials.kind:
            case CredentialsKind.STATIC:
                assert credentials
                return credentials.access_key_id, self._unsealed(ingestion, credentials)
            case CredentialsKind.ENVIRONMENT:
                assert credentials
                secret = self._variable(credentials.secret_access_key_variable)
                return self._variable(credentials.access_key_id_variable), SecretKeys(secret_access_key=secret)
            case CredentialsKind.FILE:
                assert credentials
                return self._file(Path(credentials.path))
            case _:
                return "", SecretKeys(secret_access_key="")

    def _unsealed(self, ingestion: Ingestion, credentials: Credentials) -> SecretKeys:
        owner = sealing_owner(ingestion.tenant, ingestion.id)
        try:
            return SecretKeys.from_bytes(self.vault.open(credentials.sealed, owner=owner))
        except VaultError as error:
            raise _refused(str(error)) from error

    def _variable(self, name: str) -> str:
        if name not in self.allowed_environment:
            raise _refused(f"The variable {name} is not allowed; its operator adds it to allowed_environment.")
        if not (value := self.environment.get(name, "")):
            raise _refused(f"The variable {name} is not set on the control plane; set it.")
        return value

    def _file(self, path: Path) -> tuple[str, SecretKeys]:
        if path not in self.allowed_files:
            raise _refused(f"The file {path} is not allowed; its operator adds it to allowed_credential_files.")
        try:
            lines = path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise _refused(f"The file {path} cannot be read: {type(error).__name__}.") from error
        values = {name.strip(): value.strip() for name, _, value in (line.partition("=") for line in lines)}
        for name in ("access_key_id", "secret_access_key"):
            if not values.get(name):
                raise _refused(f"The file {path} has no line {name}=…; add it.")
        secret = SecretKeys(
            secret_access_key=values["secret_access_key"], session_token=values.get("session_token", "")
        )
        return values["access_key_id"], secret


def _refused(message: str) -> SourceError:
    return source_error("AUTHENTICATION", message)
