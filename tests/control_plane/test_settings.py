"""The settings: what is accepted, and refusals that name a setting and its origin, never a value."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from control_plane.settings import PREFIX, LedgerSettings, Settings, SettingsRefused, origin_of, read_settings

SECRET = "hunter2-is-a-secret"
URL = f"postgresql://autoloader:{SECRET}@127.0.0.1:5432/autoloader"


@pytest.fixture(autouse=True)
def needed_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in os.environ:
        if variable.upper().startswith(PREFIX):
            monkeypatch.delenv(variable)
    monkeypatch.setenv(f"{PREFIX}DATABASE_URL", URL)
    monkeypatch.setenv(f"{PREFIX}SEALING_KEY_FILE", "/keys/sealing.key")


def refusal(file: Path | None = None) -> str:
    with pytest.raises(SettingsRefused) as refused:
        read_settings(Settings, file=file)
    assert SECRET not in str(refused.value)
    return str(refused.value)


def test_only_the_ledger_and_the_sealing_key_must_be_set() -> None:
    settings = read_settings(Settings)
    assert settings.listen == "127.0.0.1:50051"
    assert settings.database_url.get_secret_value() == URL
    assert SECRET not in repr(settings)


@pytest.mark.parametrize("variable", ["DATABASE_URL", "SEALING_KEY_FILE"])
def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.delenv(PREFIX + variable)
    assert f"{PREFIX}{variable}: is needed and not set" in refusal()


def test_the_ledger_can_be_migrated_without_a_sealing_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(f"{PREFIX}SEALING_KEY_FILE")
    assert read_settings(LedgerSettings).database_url.get_secret_value() == URL


def test_an_unknown_variable_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}LEASE_SECOND", SECRET)
    assert f"{PREFIX}LEASE_SECOND (environment): is not a setting" in refusal()


def test_variables_of_executors_and_tests_are_left_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}EXECUTOR_NAME", "a")
    monkeypatch.setenv(f"{PREFIX}TEST_POSTGRES_URL", "b")
    read_settings(Settings)


@pytest.mark.parametrize(
    ("variable", "value", "why"),
    [
        ("LISTEN", "0.0.0.0:50051", "until TLS and tokens come"),
        ("LISTEN", "[::]:50051", "until TLS and tokens come"),
        ("LISTEN", "example.com:50051", "until TLS and tokens come"),
        ("LISTEN", "127.0.0.1", "write host:port"),
        ("LISTEN", "127.0.0.1:99999", "write host:port"),
        ("METRICS_LISTEN", "0.0.0.0:9464", "until TLS and tokens come"),
        ("DATABASE_URL", f"mysql://a:{SECRET}@h/d", "no PostgreSQL url"),
        ("LEASE_SECONDS", SECRET, "valid number"),
        ("LEASE_SECONDS", "0", "greater than 0"),
        ("POLL_SECONDS", "31", "longer than half of lease_seconds"),
        ("RETRY_LONGEST_SECONDS", "0.5", "shorter than retry_first_seconds"),
        ("SEALING_KEY_FILE", "keys/sealing.key", "not absolute"),
        ("ALLOWED_LOCAL_FOLDERS", "/data,landing", "not absolute"),
        ("LOG_FORMAT", "xml", "'auto', 'json' or 'console'"),
    ],
)
def test_what_cannot_be_used_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, why: str) -> None:
    monkeypatch.setenv(PREFIX + variable, value)
    message = refusal()
    assert f"{PREFIX}{variable} (environment)" in message
    assert why in message


@pytest.mark.parametrize("address", ["127.0.0.1:0", "127.8.0.1:50051", "localhost:50051", "[::1]:50051"])
def test_loopback_addresses_are_accepted(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv(f"{PREFIX}LISTEN", address)
    assert read_settings(Settings).listen == address


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}ALLOWED_LOCAL_FOLDERS", "/data, /landing")
    monkeypatch.setenv(f"{PREFIX}ALLOWED_ENVIRONMENT", "LAKE_KEY,LAKE_SECRET")
    settings = read_settings(Settings)
    assert settings.allowed_local_folders == {Path("/data"), Path("/landing")}
    assert settings.allowed_environment == {"LAKE_KEY", "LAKE_SECRET"}


def test_metrics_can_be_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}METRICS_LISTEN", "off")
    assert read_settings(Settings).metrics_listen == "off"


def test_a_file_is_read_below_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "autoloader.toml"
    file.write_text('lease_seconds = 30\npoll_seconds = 2\nallowed_local_folders = ["/data"]\n')
    monkeypatch.setenv(f"{PREFIX}POLL_SECONDS", "3")
    settings = read_settings(Settings, file=file)
    assert (settings.lease_seconds, settings.poll_seconds) == (30, 3)
    assert settings.allowed_local_folders == {Path("/data")}
    origins = [origin_of(key, file=file) for key in ("lease_seconds", "poll_seconds", "listen")]
    assert origins == [str(file), "environment", "default"]


def test_what_is_wrong_in_a_file_is_named_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "autoloader.toml"
    file.write_text(f'lease_second = 30\nlisten = "{SECRET}"\n')
    message = refusal(file)
    assert f"lease_second ({file}): is not a setting" in message
    assert f"listen ({file}): is no address" in message


@pytest.mark.parametrize(("content", "why"), [(None, "No such file"), (b"a = ", "not TOML"), (b"\xff", "not TOML")])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes | None, why: str) -> None:
    file = tmp_path / "autoloader.toml"
    if content is not None:
        file.write_bytes(content)
    assert why in refusal(file)
