"""The settings: what is accepted, and refusals that name a variable and never a value."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from executor.settings import PREFIX, SettingsRefused, read_settings

SECRET = "hunter2-is-a-secret"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in os.environ:
        if variable.upper().startswith(PREFIX):
            monkeypatch.delenv(variable)


def setting(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(PREFIX + name, value)


def refusal() -> SettingsRefused:
    with pytest.raises(SettingsRefused) as refused:
        read_settings()
    return refused.value


def test_nothing_needs_to_be_set() -> None:
    settings = read_settings()
    assert settings.control_plane == "127.0.0.1:50051"
    assert settings.leases_at_once == 1
    assert str(os.getpid()) in settings.name
    assert settings.data_folder.is_absolute()


def test_every_setting_can_be_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    setting(monkeypatch, "CONTROL_PLANE", "[::1]:7000")
    setting(monkeypatch, "SPARK_CONF", '{"spark.ui.enabled": "true"}')
    setting(monkeypatch, "DATA_FOLDER", str(tmp_path))
    setting(monkeypatch, "ALLOWED_ENVIRONMENT", "A_KEY, A_SECRET")
    setting(monkeypatch, "ALLOWED_FILES", "/run/keys,/run/more")
    setting(monkeypatch, "WARM_START", "true")
    settings = read_settings()
    assert settings.control_plane == "[::1]:7000"
    assert settings.spark_conf == {"spark.ui.enabled": "true"}
    assert settings.data_folder == tmp_path
    assert settings.allowed_environment == {"A_KEY", "A_SECRET"}
    assert settings.allowed_files == {Path("/run/keys"), Path("/run/more")}
    assert settings.warm_start


def test_an_unknown_variable_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    setting(monkeypatch, "LEASES_AT_ONE", SECRET)
    refused = refusal()
    assert list(refused.problems) == ["AUTOLOADER_EXECUTOR_LEASES_AT_ONE"]
    assert SECRET not in str(refused)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("METRICS_PORT", SECRET),
        ("LEASES_AT_ONCE", "0"),
        ("CONTROL_PLANE", f"http://{SECRET}/"),
        ("SPARK_CONF", f'{{"spark.hadoop.fs.s3a.secret.key": "{SECRET}"'),
        ("SPARK_CONF", f'{{"{SECRET}": 1}}'),
        ("SPARK_CONF", f'"{SECRET}"'),
        ("ALLOWED_FILES", SECRET),
        ("WARM_START", SECRET),
    ],
)
def test_a_wrong_value_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    setting(monkeypatch, name, value)
    refused = refusal()
    assert list(refused.problems) == [PREFIX + name]
    assert f"{PREFIX}{name} (environment): " in str(refused)
    assert SECRET not in str(refused)


def test_all_that_is_wrong_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    setting(monkeypatch, "METRICS_PORT", "many")
    setting(monkeypatch, "LOG_LEVEL", "loud")
    setting(monkeypatch, "NONESUCH", "x")
    assert set(refusal().problems) == {PREFIX + name for name in ("METRICS_PORT", "LOG_LEVEL", "NONESUCH")}


def test_catalog_settings_are_not_shown_with_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    setting(monkeypatch, "SPARK_CONF", f'{{"spark.hadoop.fs.s3a.secret.key": "{SECRET}"}}')
    assert SECRET not in repr(read_settings())
