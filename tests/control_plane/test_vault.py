"""What is sealed opens with its key, for its owner, and for nobody else."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from control_plane.vault import KEY_BYTES, Vault, VaultError, load_key, make_key

SECRET = b"wJalrXUtnFEMI/K7MDENG"


def test_what_is_sealed_opens_again() -> None:
    vault = Vault(os.urandom(KEY_BYTES))
    sealed = vault.seal(SECRET, owner="default/orders")
    assert SECRET not in sealed
    assert vault.open(sealed, owner="default/orders") == SECRET


def test_no_two_seals_are_alike() -> None:
    vault = Vault(os.urandom(KEY_BYTES))
    assert vault.seal(SECRET, owner="a") != vault.seal(SECRET, owner="a")


def test_another_key_does_not_open_it() -> None:
    sealed = Vault(os.urandom(KEY_BYTES)).seal(SECRET, owner="orders")
    with pytest.raises(VaultError, match="orders do not open with this sealing key"):
        Vault(os.urandom(KEY_BYTES)).open(sealed, owner="orders")


def test_a_seal_does_not_open_in_the_row_of_another() -> None:
    vault = Vault(os.urandom(KEY_BYTES))
    with pytest.raises(VaultError, match="do not open"):
        vault.open(vault.seal(SECRET, owner="a/orders"), owner="b/orders")


def test_a_changed_byte_anywhere_is_noticed() -> None:
    vault = Vault(os.urandom(KEY_BYTES))
    sealed = vault.seal(SECRET, owner="a")
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(VaultError):
            vault.open(bytes(changed), owner="a")


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" + bytes(12), b"\x02" + bytes(40)])
def test_what_is_no_seal_is_refused(sealed: bytes) -> None:
    with pytest.raises(VaultError):
        Vault(os.urandom(KEY_BYTES)).open(sealed, owner="a")


def test_a_short_key_is_refused() -> None:
    with pytest.raises(VaultError, match="16 bytes instead of 32"):
        Vault(bytes(16))


def test_a_made_key_loads_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "sealing.key"
    key = make_key(path)
    assert load_key(path) == key
    assert len(key) == KEY_BYTES
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["sealing.key"]


def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    key = make_key(tmp_path / "sealing.key")
    with pytest.raises(VaultError, match="is there already"):
        make_key(tmp_path / "sealing.key")
    assert load_key(tmp_path / "sealing.key") == key
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o620, 0o601])
def test_a_key_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    make_key(tmp_path / "sealing.key")
    (tmp_path / "sealing.key").chmod(mode)
    with pytest.raises(VaultError, match="chmod 600"):
        load_key(tmp_path / "sealing.key")


def test_a_key_for_a_group_is_fine(tmp_path: Path) -> None:
    key = make_key(tmp_path / "sealing.key")
    (tmp_path / "sealing.key").chmod(0o640)
    assert load_key(tmp_path / "sealing.key") == key


@pytest.mark.parametrize("text", ["", "not base64!", "c2hvcnQ=", "\u00e9"])
def test_a_file_without_a_key_is_refused_and_not_shown(tmp_path: Path, text: str) -> None:
    path = tmp_path / "sealing.key"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(VaultError, match="make one with make_key"):
        load_key(path)


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match=r"absent\.key cannot be read"):
        load_key(tmp_path / "absent.key")
