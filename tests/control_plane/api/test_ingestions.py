"""The door to ingestions, over gRPC on a real ledger."""

from __future__ import annotations

import asyncio
import uuid

import grpc
import pytest
from autoloader.v1 import ingestions_pb2 as pb
from autoloader.v1 import runs_pb2
from google.protobuf.field_mask_pb2 import FieldMask

from tests.builders import an_ingestion_message
from tests.control_plane.api.conftest import Client
from tests.control_plane.api.refusals import refused

SECRET = "wJalrXUtnFEMI-secret"
KEYS = pb.StaticKeys(access_key_id="AKIA", secret_access_key=SECRET, session_token=f"token-{SECRET}")


def create_request(
    id: str = "orders", *, message: pb.Ingestion | None = None, **fields: object
) -> pb.CreateIngestionRequest:
    return pb.CreateIngestionRequest(ingestion_id=id, ingestion=message or an_ingestion_message(), **fields)  # type: ignore[arg-type]


async def create(client: Client, id: str = "orders", *, message: pb.Ingestion | None = None) -> pb.Ingestion:
    return await client.ingestions.CreateIngestion(create_request(id, message=message))


async def get(client: Client, id: str = "orders") -> pb.Ingestion:
    return await client.ingestions.GetIngestion(pb.GetIngestionRequest(name=f"ingestions/{id}"))


async def ids(client: Client, filter: str = "") -> list[str]:
    answer = await client.ingestions.ListIngestions(pb.ListIngestionsRequest(filter=filter))
    return [each.name.removeprefix("ingestions/") for each in answer.ingestions]


async def test_a_created_ingestion_is_read_as_it_was_sent(client: Client) -> None:
    message = an_ingestion_message(display_name="Orders", labels={"team": "a"})
    message.source.pattern = "**/*.json"
    message.source.exclude.append("tmp/**")
    message.source.s3.region = "eu-central-1"
    message.schema.columns.add(name="id", type="bigint")
    message.load.max_attempts = 5
    created = await create(client, message=message)
    assert created == await get(client)
    assert created.name == "ingestions/orders"
    assert created.state == pb.Ingestion.STATE_ACTIVE
    assert created.pool == "default"
    for field in ("display_name", "labels", "source", "format", "destination", "schema", "load"):
        assert getattr(created, field) == getattr(message, field)


async def test_an_id_is_taken_for_ever(client: Client) -> None:
    await create(client)
    assert (await refused(create(client))).reason == "ALREADY_EXISTS"
    await client.ingestions.DeleteIngestion(pb.DeleteIngestionRequest(name="ingestions/orders"))
    refusal = await refused(create(client))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS")
    assert (await refused(get(client))).reason == "NOT_FOUND"


async def test_every_wrong_field_of_a_create_is_named_and_nothing_is_left_behind(client: Client) -> None:
    message = an_ingestion_message(uri="ftp://host/folder", table="orders")
    message.source.pattern = "[a"
    message.ClearField("format")
    refusal = await refused(create(client, "Orders", message=message))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(refusal.violations) == {
        "ingestion_id",
        "ingestion.format",
        "ingestion.source.uri",
        "ingestion.source.pattern",
        "ingestion.destination.table",
    }
    assert "use json, csv" in refusal.violations["ingestion.format"]
    assert refusal.metadata["violation_count"] == "5"
    assert await ids(client) == []


async def test_validate_only_answers_as_if_and_stores_nothing(client: Client) -> None:
    request = create_request(validate_only=True, request_id="r1")
    assert (await client.ingestions.CreateIngestion(request)).name == "ingestions/orders"
    assert await ids(client) == []
    assert (await client.ingestions.CreateIngestion(create_request(request_id="r1"))).name == "ingestions/orders"
    delete = pb.DeleteIngestionRequest(name="ingestions/orders", validate_only=True)
    await client.ingestions.DeleteIngestion(delete)
    assert await ids(client) == ["orders"]


async def test_a_repeated_create_answers_as_the_first_and_has_one_effect(client: Client) -> None:
    request = create_request(request_id=str(uuid.uuid4()))
    first = await client.ingestions.CreateIngestion(request)
    await client.ingestions.PauseIngestion(pb.PauseIngestionRequest(name=first.name))
    assert await client.ingestions.CreateIngestion(request) == first


async def test_two_calls_at_once_with_one_request_id_have_one_effect(client: Client) -> None:
    await create(client)
    request = pb.RunIngestionRequest(name="ingestions/orders", request_id="r1")
    answers = await asyncio.gather(*(client.ingestions.RunIngestion(request) for _ in range(8)))
    assert len({answer.name for answer in answers}) == 1
    listed = await client.runs.ListRuns(runs_pb2.ListRunsRequest(parent="ingestions/orders"))
    assert len(listed.runs) == 1


async def test_a_request_id_with_another_payload_is_refused(client: Client) -> None:
    await client.ingestions.CreateIngestion(create_request(request_id="r1"))
    refusal = await refused(client.ingestions.CreateIngestion(create_request("others", request_id="r1")))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED")
    assert await ids(client) == ["orders"]


async def test_a_refused_call_does_not_use_its_request_id_up(client: Client) -> None:
    wrong = create_request(message=an_ingestion_message(table="orders"), request_id="r1")
    assert (await refused(client.ingestions.CreateIngestion(wrong))).reason == "INVALID_FIELD"
    await client.ingestions.CreateIngestion(create_request(request_id="r1"))


async def test_an_update_changes_what_the_mask_names_and_nothing_else(client: Client) -> None:
    created = await create(client, message=an_ingestion_message(display_name="Orders", labels={"a": "1"}))
    changed = pb.Ingestion(name=created.name, display_name="ignored", labels={"b": "2"})
    changed.load.max_attempts = 7
    mask = FieldMask(paths=["labels", "load.max_attempts"])
    updated = await client.ingestions.UpdateIngestion(pb.UpdateIngestionRequest(ingestion=changed, update_mask=mask))
    assert (updated.display_name, dict(updated.labels), updated.load.max_attempts) == ("Orders", {"b": "2"}, 7)
    assert updated.etag != created.etag
    assert updated == await get(client)


@pytest.mark.parametrize("path", ["colour", "state", "create_time", "name", "etag", "labels.a", "source.uri.x"])
async def test_a_mask_that_names_what_cannot_be_changed_is_refused(client: Client, path: str) -> None:
    created = await create(client)
    request = pb.UpdateIngestionRequest(ingestion=created, update_mask=FieldMask(paths=[path]))
    refusal = await refused(client.ingestions.UpdateIngestion(request))
    assert refusal.reason == "INVALID_FIELD"
    assert path in refusal.violations["update_mask"]


@pytest.mark.parametrize("paths", [[], ["*"], ["source"], ["destination.table", "source.uri"]])
async def test_source_and_table_cannot_change_and_the_reason_is_told(client: Client, paths: list[str]) -> None:
    created = await create(client)
    moved = an_ingestion_message(uri="s3://other/orders")
    moved.name = created.name
    request = pb.UpdateIngestionRequest(ingestion=moved, update_mask=FieldMask(paths=paths))
    refusal = await refused(client.ingestions.UpdateIngestion(request))
    assert "create another ingestion" in refusal.violations["ingestion.source.uri"]


async def test_an_update_may_spell_the_source_in_another_way(client: Client) -> None:
    created = await create(client)
    same = an_ingestion_message(uri="s3a://bucket/orders/")
    same.name = created.name
    updated = await client.ingestions.UpdateIngestion(pb.UpdateIngestionRequest(ingestion=same))
    assert updated.source.uri == "s3://bucket/orders"


async def test_what_was_read_can_be_sent_back_changed(client: Client) -> None:
    message = await create(client)
    message.display_name = "Orders"
    updated = await client.ingestions.UpdateIngestion(pb.UpdateIngestionRequest(ingestion=message))
    assert updated.display_name == "Orders"


async def test_an_etag_of_an_older_revision_is_refused(client: Client) -> None:
    created = await create(client)
    await client.ingestions.PauseIngestion(pb.PauseIngestionRequest(name=created.name, etag=created.etag))
    created.display_name = "Orders"
    for call in (
        client.ingestions.UpdateIngestion(pb.UpdateIngestionRequest(ingestion=created)),
        client.ingestions.DeleteIngestion(pb.DeleteIngestionRequest(name=created.name, etag=created.etag)),
        client.ingestions.ResumeIngestion(pb.ResumeIngestionRequest(name=created.name, etag=created.etag)),
    ):
        refusal = await refused(call)
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")


async def test_secrets_are_in_no_response(client: Client) -> None:
    created = await create(client, message=an_ingestion_message(static_keys=KEYS))
    listed = await client.ingestions.ListIngestions(pb.ListIngestionsRequest())
    paused = await client.ingestions.PauseIngestion(pb.PauseIngestionRequest(name=created.name))
    for answer in (created, await get(client), listed, paused):
        assert SECRET.encode() not in answer.SerializeToString()
    assert created.source.credentials.static_keys == pb.StaticKeys(access_key_id="AKIA")


async def test_a_refused_create_does_not_tell_the_secret(client: Client) -> None:
    message = an_ingestion_message(table="orders", static_keys=KEYS)
    message.source.credentials.static_keys.access_key_id = ""
    assert SECRET not in repr(await refused(create(client, message=message)))


async def test_an_update_without_secret_keeps_the_stored_one(client: Client) -> None:
    message = await create(client, message=an_ingestion_message(static_keys=KEYS))
    message.display_name = "Orders"
    await client.ingestions.UpdateIngestion(
        pb.UpdateIngestionRequest(ingestion=message, update_mask=FieldMask(paths=["*"]))
    )
    message.etag = ""
    message.source.credentials.static_keys.access_key_id = "AKIB"
    refusal = await refused(client.ingestions.UpdateIngestion(pb.UpdateIngestionRequest(ingestion=message)))
    assert set(refusal.violations) == {"ingestion.source.credentials.static_keys.secret_access_key"}


async def test_lists_are_paged_in_the_order_of_ids(client: Client) -> None:
    for id in ("c", "a", "b"):
        await create(client, id)
    names: list[str] = []
    token = ""
    while token or not names:
        answer = await client.ingestions.ListIngestions(pb.ListIngestionsRequest(page_size=2, page_token=token))
        names += [each.name for each in answer.ingestions]
        token = answer.next_page_token
    assert names == ["ingestions/a", "ingestions/b", "ingestions/c"]


async def test_a_page_token_from_elsewhere_is_refused(client: Client) -> None:
    for id in ("a", "b"):
        await create(client, id)
    answer = await client.ingestions.ListIngestions(pb.ListIngestionsRequest(page_size=1))
    token = answer.next_page_token
    for request in (
        pb.ListIngestionsRequest(page_size=1, page_token=token, filter="state = ACTIVE"),
        pb.ListIngestionsRequest(page_size=1, page_token=token[:-2]),
        pb.ListIngestionsRequest(page_size=1, page_token="forged"),
    ):
        refusal = await refused(client.ingestions.ListIngestions(request))
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID")
    runs = client.runs.ListRuns(runs_pb2.ListRunsRequest(parent="ingestions/a", page_token=token))
    assert (await refused(runs)).reason == "PAGE_TOKEN_INVALID"


async def test_filters_choose(client: Client) -> None:
    await create(client, "a", message=an_ingestion_message(labels={"team": "x"}))
    await create(client, "b", message=an_ingestion_message(display_name='say "hi"'))
    await client.ingestions.PauseIngestion(pb.PauseIngestionRequest(name="ingestions/b"))
    assert await ids(client, "state = PAUSED") == ["b"]
    assert await ids(client, 'labels.team = "x"') == ["a"]
    assert await ids(client, "labels.team != x") == ["b"]
    assert await ids(client, "labels:team") == ["a"]
    assert await ids(client, "NOT labels.team:* OR display_name:zzz") == ["b"]
    assert await ids(client, r'display_name = "say \"hi\""') == ["b"]
    assert await ids(client, "create_time > 2020-01-01T00:00:00Z AND state = ACTIVE") == ["a"]
    assert await ids(client, "create_time < 2020-01-01T00:00:00+01:00") == []


async def test_an_unknown_field_of_a_filter_is_refused_by_name(client: Client) -> None:
    refusal = await refused(ids(client, "colour = red"))
    assert "`colour`" in refusal.violations["filter"]


async def test_runs_are_refused_while_one_is_unfinished_or_while_paused(client: Client) -> None:
    created = await create(client)
    run = await client.ingestions.RunIngestion(pb.RunIngestionRequest(name=created.name))
    assert (run.state, run.trigger) == (runs_pb2.Run.STATE_PENDING, runs_pb2.Run.TRIGGER_MANUAL)
    assert (await get(client)).last_run == run.name
    refusal = await refused(client.ingestions.RunIngestion(pb.RunIngestionRequest(name=created.name)))
    assert (refusal.reason, refusal.metadata["run"]) == ("RUN_ACTIVE", run.name)
    delete = client.ingestions.DeleteIngestion(pb.DeleteIngestionRequest(name=created.name))
    assert (await refused(delete)).code is grpc.StatusCode.FAILED_PRECONDITION
    await client.ingestions.PauseIngestion(pb.PauseIngestionRequest(name=created.name))
    refusal = await refused(client.ingestions.RunIngestion(pb.RunIngestionRequest(name=created.name)))
    assert refusal.reason == "INGESTION_PAUSED"
    resumed = await client.ingestions.ResumeIngestion(pb.ResumeIngestionRequest(name=created.name))
    assert resumed.state == pb.Ingestion.STATE_ACTIVE


@pytest.mark.parametrize("name", ["", "orders", "ingestions/", "ingestions/a/b", "runs/orders", "ingestions/a\0"])
async def test_what_is_no_name_is_refused_as_such(client: Client, name: str) -> None:
    refusal = await refused(client.ingestions.GetIngestion(pb.GetIngestionRequest(name=name)))
    assert list(refusal.violations) == ["name"]
