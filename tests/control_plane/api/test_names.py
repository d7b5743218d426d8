"""Resource names: made and read alike, and refused by their form."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.api import names
from control_plane.errors import InvalidField, NotFound

IDS = st.integers(1, 2**63 - 1)


@given(IDS)
def test_names_are_read_as_they_are_made(id: int) -> None:
    assert names.parse_run(names.run_name("orders", id), field="name") == names.Part("orders", id)
    assert names.parse_file(names.file_name("orders", id), field="name") == names.Part("orders", id)
    assert names.parse_schema_change(names.schema_change_name("orders", id), field="name") == names.Part("orders", id)
    assert names.parse_ingestion(names.ingestion_name("orders"), field="name") == "orders"


@given(st.integers(1, 2**31 - 1))
def test_versions_of_columns_are_numbered_or_current(version: int) -> None:
    name = names.schema_version_name("orders", version)
    assert names.parse_schema_version(name, field="name") == ("orders", version)
    assert names.parse_schema_version("ingestions/orders/schemaVersions/current", field="name") == ("orders", None)
    with pytest.raises(NotFound):
        names.parse_schema_version(f"ingestions/orders/schemaVersions/{2**31 - 1 + version}", field="name")


@given(st.text())
def test_any_text_is_a_name_or_refused(text: str) -> None:
    for parse in (
        names.parse_ingestion,
        names.parse_run,
        names.parse_file,
        names.parse_schema_change,
        names.parse_schema_version,
        names.parse_uuid,
    ):
        with pytest.raises((InvalidField, NotFound)):
            parse(text, field="name")
            raise NotFound("it is a name after all")


@pytest.mark.parametrize(
    "name", ["ingestions/a/runs/", "ingestions//runs/1", "ingestions/a/files/1", "ingestions/a/runs/1/x"]
)
def test_another_form_is_refused_with_the_right_one(name: str) -> None:
    with pytest.raises(InvalidField, match=r"ingestions/\{ingestion\}/runs/\{run\}"):
        names.parse_run(name, field="name")


def test_a_uuid_has_one_spelling() -> None:
    id = uuid.uuid4()
    assert names.parse_uuid(id.hex.upper(), field="lease") == str(id)
