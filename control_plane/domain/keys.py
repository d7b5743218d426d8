"""Static keys of a store: the secret half, as it is sealed and opened."""

from __future__ import annotations

import json
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretKeys:
    """The secret half of static keys; the session token is empty for lasting ones."""

    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)

    def to_bytes(self) -> bytes:
        """Writes what the vault seals."""
        keys = {"secret_access_key": self.secret_access_key, "session_token": self.session_token}
        return json.dumps(keys).encode()

    @classmethod
    def from_bytes(cls, plain: bytes) -> SecretKeys:
        """Reads what the vault opened."""
        return cls(**json.loads(plain))


def sealing_owner(tenant: str, ingestion: str) -> str:
    """Names the owner of an ingestion's sealed keys, for the vault: they open for no other ingestion."""
    return f"{tenant}/{ingestion}"
