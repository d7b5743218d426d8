"""Seals stored credentials with a key that the ledger does not hold, and opens them again."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
import tempfile
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_NONCE_BYTES = 12
# First byte of what is sealed: says how, so that another way can be added while old rows are there.
_VERSION = b"\x01"


class VaultError(Exception):
    """A sealed value cannot be opened, or a key cannot be used. The message says what to do and
    holds no secret.
    """


class Vault:
    """Seals bytes with AES-256-GCM: `version | nonce | ciphertext and tag`."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise VaultError(f"the sealing key has {len(key)} bytes instead of {KEY_BYTES}; make one with make_key")
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes, *, owner: str) -> bytes:
        """Seals a value for one owner (a row's tenant and name): it does not open in the row of
        another.
        """
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, plain, _associated(owner))

    def open(self, sealed: bytes, *, owner: str) -> bytes:
        """Opens what was sealed for this owner; VaultError with another key, owner or a changed
        byte.
        """
        if sealed[:1] != _VERSION:
            raise VaultError("a sealed value has an unknown version; a newer Autoloader may have written it")
        nonce, encrypted = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, encrypted, _associated(owner))
        except (InvalidTag, ValueError) as error:
            raise VaultError(
                f"the credentials of {owner} do not open with this sealing key; start with the "
                "key that sealed them, "
                "or send the credentials again"
            ) from error


def _associated(owner: str) -> bytes:
    return _VERSION + owner.encode()


def make_key(path: Path) -> bytes:
    """Writes a fresh key to a file that only its owner can read, whole or not at all.

    Never replaces a key: VaultError when the file is there. What the old one sealed would be lost.
    """
    key = secrets.token_bytes(KEY_BYTES)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(key) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError as error:
        raise VaultError(f"{path} is there already; remove it first if nothing is sealed with it") from error
    finally:
        os.unlink(temporary)
    return key


def load_key(path: Path) -> bytes:
    """Reads a key that make_key wrote; VaultError when it is absent, no key, or open to other
    users.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_bytes()
    except OSError as error:
        raise VaultError(f"the sealing key {path} cannot be read: {error.strerror}") from error
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise VaultError(f"the sealing key {path} is open to other users; run: chmod 600 {path}")
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error as error:
        raise VaultError(f"{path} holds no sealing key; make one with make_key") from error
    if len(key) != KEY_BYTES:
        raise VaultError(f"{path} holds {len(key)} bytes instead of {KEY_BYTES}; make one with make_key")
    return key
