"""The key ring: only what the operator allows, and reasons that show no key."""

from __future__ import annotations

from pathlib import Path

import pytest

from executor.credentials import KeyRing, Keys
from executor.errors import AttemptFailed
from executor.lease import Category


def ring(**environment: str) -> KeyRing:
    return KeyRing(variables=frozenset({"KEY", "SECRET"}), environment=environment)


def test_keys_in_allowed_variables_are_found() -> None:
    keys = ring(KEY="k", SECRET="s").from_environment(access_key_id="KEY", secret_access_key="SECRET")
    assert keys == Keys(access_key_id="k", secret_access_key="s")


def test_a_variable_that_is_not_allowed_is_refused_though_it_is_set() -> None:
    with pytest.raises(AttemptFailed, match="OTHER is not allowed") as failed:
        ring(KEY="k", OTHER="s").from_environment(access_key_id="KEY", secret_access_key="OTHER")
    assert failed.value.failure.category is Category.AUTHENTICATION
    assert not failed.value.failure.retryable


def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(AttemptFailed, match="SECRET is not set"):
        ring(KEY="k").from_environment(access_key_id="KEY", secret_access_key="SECRET")


def test_keys_in_an_allowed_file_are_found(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("# of the bucket\naccess_key_id=k\nsecret_access_key = s=+/\n")
    keys = KeyRing(files=frozenset({path})).from_file(path)
    assert keys == Keys(access_key_id="k", secret_access_key="s=+/")


def test_a_file_that_is_not_allowed_is_refused_though_it_is_there(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("access_key_id=k\nsecret_access_key=s\n")
    with pytest.raises(AttemptFailed, match="is not allowed"):
        KeyRing(files=frozenset({tmp_path / "other"})).from_file(path)


def test_a_file_without_a_secret_is_refused_and_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("access_key_id=AKIA\n")
    with pytest.raises(AttemptFailed, match="secret_access_key=") as failed:
        KeyRing(files=frozenset({path})).from_file(path)
    assert "AKIA" not in str(failed.value.failure)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    with pytest.raises(AttemptFailed, match="No such file"):
        KeyRing(files=frozenset({path})).from_file(path)


def test_keys_are_not_shown() -> None:
    assert "hunter2" not in repr(Keys(access_key_id="k", secret_access_key="hunter2"))
