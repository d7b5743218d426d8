"""What the operator allows users to name, beyond what is always allowed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Empty allows nothing; `local_folders` are absolute and include what is below them."""

    local_folders: tuple[str, ...] = ()
    loopback_endpoints_allowed: bool = False
    environment_variables: frozenset[str] = frozenset()
    credential_files: frozenset[str] = frozenset()
