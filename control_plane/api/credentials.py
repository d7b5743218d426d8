"""Static keys on their way: sealed when an ingestion is stored, opened for the executor that reads with them."""

from __future__ import annotations

from autoloader.v1 import ingestions_pb2 as pb

from control_plane.api.convert.ingestion import source_to_proto
from control_plane.domain.ingestion import Ingestion
from control_plane.domain.keys import SecretKeys, sealing_owner
from control_plane.vault import Vault


class KeySafe:
    """Seals and opens the static keys of ingestions."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def seal(self, keys: pb.StaticKeys, *, tenant: str, ingestion: str) -> bytes:
        """Seals the secret half; empty when there is none, as in an update that keeps the stored one."""
        if not keys.secret_access_key:
            return b""
        secret = SecretKeys(secret_access_key=keys.secret_access_key, session_token=keys.session_token)
        return self._vault.seal(secret.to_bytes(), owner=sealing_owner(tenant, ingestion))

    def opened_source(self, ingestion: Ingestion) -> pb.Source:
        """Gives an ingestion's source with its secrets: for executors only."""
        result = source_to_proto(ingestion.source)
        credentials = ingestion.source.credentials
        if credentials and credentials.sealed:
            owner = sealing_owner(ingestion.tenant, ingestion.id)
            secret = SecretKeys.from_bytes(self._vault.open(credentials.sealed, owner=owner))
            result.credentials.static_keys.secret_access_key = secret.secret_access_key
            result.credentials.static_keys.session_token = secret.session_token
        return result
