"""Checks of a configuration: what passes, and what is refused by which field."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.domain.checks import check, check_change, check_id, normalize
from control_plane.domain.format import Format, FormatKind
from control_plane.domain.ingestion import (
    Column,
    Credentials,
    CredentialsKind,
    Ingestion,
    LoadPolicy,
    S3Options,
)
from control_plane.domain.rules import Rules
from tests.builders import an_ingestion, static_credentials

RULES = Rules(
    local_folders=("/data/in",),
    environment_variables=frozenset({"KEY", "SECRET"}),
    credential_files=frozenset({"/run/secrets/s3"}),
)
ENVIRONMENT = Credentials(
    kind=CredentialsKind.ENVIRONMENT, access_key_id_variable="KEY", secret_access_key_variable="SECRET"
)


def fields(ingestion: Ingestion, rules: Rules = RULES) -> list[str]:
    return [violation.field for violation in check(ingestion, rules)]


@pytest.mark.parametrize(
    "ingestion",
    [
        an_ingestion(),
        an_ingestion(uri="s3a://bucket"),
        an_ingestion(uri="file:///data/in/a"),
        an_ingestion(uri="file:///data/in"),
        an_ingestion(pattern="**/*.json", exclude=["tmp/**", "{a,b}/*"]),
        an_ingestion(s3=S3Options(endpoint="https://s3.example.com", region="eu-central-1", path_style=False)),
        an_ingestion(credentials=static_credentials()),
        an_ingestion(credentials=ENVIRONMENT),
        an_ingestion(credentials=Credentials(kind=CredentialsKind.FILE, path="/run/secrets/s3")),
        an_ingestion(credentials=Credentials(kind=CredentialsKind.DEFAULT_CHAIN)),
        an_ingestion(table="lake.sales_1.Orders"),
        an_ingestion(table_properties={"write.target-file-size-bytes": "1000", "gc.enabled": "true"}),
        an_ingestion(columns=[Column(name="id", type="BIGINT"), Column(name="a`b\n.c", type="array<string>")]),
        an_ingestion(load=LoadPolicy(max_files_per_lease=5000, max_bytes_per_lease=10 * 1024**3, max_attempts=100)),
        an_ingestion(display_name="Bestellungen 🧾", labels={"team": "a", "cost center": ""}, pool="big_1-x"),
    ],
)
def test_what_is_right_passes(ingestion: Ingestion) -> None:
    assert check(ingestion, RULES) == []


@pytest.mark.parametrize(
    ("ingestion", "field"),
    [
        (an_ingestion(display_name="x" * 201), "display_name"),
        (an_ingestion(display_name="a\0"), "display_name"),
        (an_ingestion(labels={str(number): "" for number in range(65)}), "labels"),
        (an_ingestion(labels={"": "a"}), "labels"),
        (an_ingestion(labels={"a": "x" * 64}), "labels"),
        (an_ingestion(labels={"a": "x\0"}), "labels"),
        (an_ingestion(pool="a b"), "pool"),
        (an_ingestion(uri=""), "source.uri"),
        (an_ingestion(uri="https://bucket/a"), "source.uri"),
        (an_ingestion(uri="file:///data/other"), "source.uri"),
        (an_ingestion(uri="file:///data/inside"), "source.uri"),
        (an_ingestion(uri="file:///data/in/../other"), "source.uri"),
        (an_ingestion(uri="file:///data/in", credentials=ENVIRONMENT), "source.credentials"),
        (an_ingestion(uri="file:///data/in", s3=S3Options(region="a")), "source.s3"),
        (an_ingestion(pattern="[a"), "source.pattern"),
        (an_ingestion(exclude=["a", "{b"]), "source.exclude[1]"),
        (an_ingestion(exclude=["a"] * 101), "source.exclude"),
        (an_ingestion(s3=S3Options(endpoint="http://127.0.0.1:9000")), "source.s3.endpoint"),
        (an_ingestion(s3=S3Options(endpoint="http://169.254.169.254")), "source.s3.endpoint"),
        (an_ingestion(s3=S3Options(endpoint="s3.example.com")), "source.s3.endpoint"),
        (an_ingestion(s3=S3Options(region="EU west")), "source.s3.region"),
        (
            an_ingestion(credentials=static_credentials(access_key_id="")),
            "source.credentials.static_keys.access_key_id",
        ),
        (an_ingestion(credentials=static_credentials(sealed=b"")), "source.credentials.static_keys.secret_access_key"),
        (
            an_ingestion(credentials=replace(ENVIRONMENT, access_key_id_variable="PATH")),
            "source.credentials.environment.access_key_id_variable",
        ),
        (
            an_ingestion(credentials=replace(ENVIRONMENT, secret_access_key_variable="")),
            "source.credentials.environment.secret_access_key_variable",
        ),
        (
            an_ingestion(credentials=Credentials(kind=CredentialsKind.FILE, path="/etc/passwd")),
            "source.credentials.file.path",
        ),
        (an_ingestion(table="orders"), "destination.table"),
        (an_ingestion(table="a.b.c.d"), "destination.table"),
        (an_ingestion(table="a.b-c"), "destination.table"),
        (an_ingestion(table="a.`b`"), "destination.table"),
        (an_ingestion(table="a.ä"), "destination.table"),
        (an_ingestion(table_properties={"": "x"}), "destination.table_properties"),
        (an_ingestion(table_properties={"a'": "x"}), "destination.table_properties"),
        (an_ingestion(table_properties={"a": "x\0"}), "destination.table_properties"),
        (an_ingestion(table_properties={f"a{number}": "" for number in range(101)}), "destination.table_properties"),
        (an_ingestion(columns=[Column(name="a", type="number")]), "schema.columns[0].type"),
        (an_ingestion(columns=[Column(name="a\0", type="int")]), "schema.columns[0]"),
        (an_ingestion(columns=[Column(name="a", type="int"), Column(name="A", type="int")]), "schema.columns"),
        (an_ingestion(columns=[Column(name=str(number), type="int") for number in range(10_001)]), "schema.columns"),
        (an_ingestion(load=LoadPolicy(max_files_per_lease=5001)), "load.max_files_per_lease"),
        (an_ingestion(load=LoadPolicy(max_bytes_per_lease=-1)), "load.max_bytes_per_lease"),
        (an_ingestion(load=LoadPolicy(max_attempts=101)), "load.max_attempts"),
    ],
)
def test_what_is_wrong_is_refused_by_its_field(ingestion: Ingestion, field: str) -> None:
    assert set(fields(ingestion)) == {field}


@pytest.mark.parametrize(
    "name",
    [
        "write.wap.enabled",
        "commit.retry.num-retries",
        "history.expire.max-snapshot-age-ms",
        "write.metadata.delete-after-commit.enabled",
        "write.data.path",
        "write.location-provider.impl",
        "encryption.key-id",
        "location",
    ],
)
def test_a_property_that_would_break_the_protocol_is_refused_with_the_reason(name: str) -> None:
    (violation,) = check(an_ingestion(table_properties={name: "1"}), RULES)
    assert f'"{name}" cannot be set: ' in violation.description


def test_nothing_that_the_operator_has_not_allowed_passes() -> None:
    nothing = Rules()
    assert fields(an_ingestion(uri="file:///data/in"), nothing) == ["source.uri"]
    assert len(fields(an_ingestion(credentials=ENVIRONMENT), nothing)) == 2


def test_the_operator_can_allow_loopback_endpoints() -> None:
    local = an_ingestion(s3=S3Options(endpoint="http://127.0.0.1:9000"))
    assert check(local, replace(RULES, loopback_endpoints_allowed=True)) == []


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert fields(an_ingestion(uri="x", pattern="[", table="t", pool="!")) == [
        "pool",
        "source.uri",
        "source.pattern",
        "destination.table",
    ]


@pytest.mark.parametrize("id", ["a", "orders-2", "a" * 63])
def test_an_id_is_lower_case_and_short(id: str) -> None:
    assert check_id(id) == []


@pytest.mark.parametrize("id", ["", "A", "1a", "-a", "a_b", "a" * 64, "a\n", "ä", "a/b"])
def test_what_is_no_id_is_refused(id: str) -> None:
    assert [violation.field for violation in check_id(id)] == ["ingestion_id"]


def test_a_checked_configuration_has_one_spelling() -> None:
    given = an_ingestion(uri="s3a://bucket/a/", columns=[Column(name="Id", type="LONG")])
    stored = normalize(given)
    assert stored.source.uri == "s3://bucket/a"
    assert stored.columns == (Column(name="Id", type="bigint"),)
    assert normalize(stored) == stored


def test_what_never_changes_is_refused_with_the_reason() -> None:
    stored = an_ingestion()
    assert check_change(stored, replace(stored, display_name="New", pool="big")) == []
    moved = an_ingestion(uri="s3://other", table="a.b")
    assert [violation.field for violation in check_change(stored, moved)] == ["source.uri", "destination.table"]


@given(st.text(), st.text(), st.lists(st.text(), max_size=5), st.text(), st.dictionaries(st.text(), st.text()))
def test_any_text_is_accepted_or_refused(
    uri: str, pattern: str, exclude: list[str], table: str, properties: dict[str, str]
) -> None:
    check(an_ingestion(uri=uri, pattern=pattern, exclude=exclude, table=table, table_properties=properties), RULES)


@pytest.mark.parametrize(
    ("kind", "column", "field"),
    [
        (FormatKind.CSV, Column(name="a", type="struct<b:int>"), "schema.columns[0].type"),
        (FormatKind.CSV, Column(name="a", type="array<int>"), "schema.columns[0].type"),
        (FormatKind.CSV, Column(name="a", type="binary"), "schema.columns[0].type"),
        (FormatKind.TEXT, Column(name="line", type="string"), "schema.columns[0]"),
        (FormatKind.TEXT, Column(name="value", type="int"), "schema.columns[0]"),
    ],
)
def test_columns_that_no_file_of_the_format_can_fill_are_refused(kind: FormatKind, column: Column, field: str) -> None:
    ingestion = replace(an_ingestion(columns=[column]), format=Format(kind=kind))
    assert fields(ingestion) == [field]
    assert fields(replace(ingestion, format=Format(kind=FormatKind.PARQUET))) == []
