"""Update masks: what is copied, what is cleared, what stays and what is refused."""

from __future__ import annotations

import pytest
from autoloader.v1 import ingestions_pb2 as pb

from control_plane.api.masks import apply_mask
from control_plane.errors import InvalidField
from tests.builders import an_ingestion_message


def stored() -> pb.Ingestion:
    message = an_ingestion_message(display_name="Orders", labels={"a": "1"})
    message.name = "ingestions/orders"
    message.etag = '"1"'
    message.source.pattern = "*.json"
    message.source.exclude.append("tmp/*")
    message.source.s3.path_style = True
    message.load.max_attempts = 5
    message.load.max_files_per_lease = 10
    return message


def sent(**fields: object) -> pb.Ingestion:
    return pb.Ingestion(name="ingestions/orders", **fields)  # type: ignore[arg-type]


def test_no_mask_changes_what_is_set_as_deep_as_it_is_set() -> None:
    result = apply_mask(stored(), sent(load=pb.LoadPolicy(max_attempts=7), labels={"b": "2"}), [])
    expected = stored()
    expected.load.max_attempts = 7
    del expected.labels["a"]
    expected.labels["b"] = "2"
    assert result == expected


def test_no_mask_takes_a_choice_without_fields() -> None:
    chain = pb.Credentials(default_chain=pb.DefaultChain())
    result = apply_mask(stored(), sent(source=pb.Source(credentials=chain)), [])
    assert result.source.credentials == chain
    assert result.source.pattern == "*.json"


def test_a_star_replaces_all_but_what_never_changes() -> None:
    result = apply_mask(stored(), sent(display_name="New"), ["*"])
    expected = an_ingestion_message(display_name="New")
    expected.name, expected.etag = "ingestions/orders", '"1"'
    assert result == expected


@pytest.mark.parametrize(
    ("path", "cleared"),
    [
        ("display_name", "display_name"),
        ("labels", "labels"),
        ("load", "load"),
        ("schema", "schema"),
        ("source.s3", "s3"),
        ("source.exclude", "exclude"),
        ("load.max_attempts", "max_attempts"),
        ("source.s3.path_style", "path_style"),
    ],
)
def test_a_named_field_that_is_not_set_is_cleared(path: str, cleared: str) -> None:
    result = apply_mask(stored(), sent(), [path])
    expected = stored()
    parent: object = expected
    for part in path.split(".")[:-1]:
        parent = getattr(parent, part)
    parent.ClearField(cleared)  # type: ignore[attr-defined]
    assert result == expected


def test_a_whole_source_keeps_its_uri_when_it_does_not_tell_one() -> None:
    result = apply_mask(stored(), sent(source=pb.Source(pattern="a")), ["source"])
    assert result.source == pb.Source(uri="s3://bucket/orders", pattern="a")


def test_another_uri_is_left_for_the_checks_to_refuse() -> None:
    result = apply_mask(stored(), sent(source=pb.Source(uri="s3://other")), ["source.uri"])
    assert result.source.uri == "s3://other"


@pytest.mark.parametrize("state", ["PAUSED"])
def test_what_the_server_writes_is_left_alone_unless_it_is_named(state: str) -> None:
    changed = sent(state=pb.Ingestion.STATE_PAUSED, last_run="x", etag='"9"')
    assert apply_mask(stored(), changed, []) == stored()
    assert apply_mask(stored(), changed, ["*"]).etag == '"1"'
    with pytest.raises(InvalidField, match="`state` is written by the server alone"):
        apply_mask(stored(), changed, ["state"])


@pytest.mark.parametrize(
    ("paths", "told"),
    [
        (["colour"], "`colour` is no field"),
        (["load.colour"], "name `load` as a whole"),
        (["labels.a"], "name `labels` as a whole"),
        (["schema.columns.name"], "name `schema.columns` as a whole"),
        (["create_time.seconds"], "`create_time.seconds` is no field"),
        ([""], "`` is no field"),
        (["*", "labels"], "`\\*` stands alone"),
        (["name"], "`name` cannot be changed"),
        (["labels"] * 201, "more than 200"),
    ],
)
def test_a_path_that_is_wrong_is_refused_by_name(paths: list[str], told: str) -> None:
    with pytest.raises(InvalidField, match=told):
        apply_mask(stored(), sent(), paths)


def test_every_wrong_path_is_named() -> None:
    with pytest.raises(InvalidField) as caught:
        apply_mask(stored(), sent(), ["a", "labels", "b"])
    assert len(caught.value.violations) == 2
