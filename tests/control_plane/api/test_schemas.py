"""The door to columns and their changes, over gRPC on a real ledger."""

from __future__ import annotations

import uuid

import grpc
import pytest
from autoloader.v1 import errors_pb2, files_pb2, ingestions_pb2, runs_pb2, schema_changes_pb2
from autoloader.v1 import leases_pb2 as wire
from autoloader.v1 import schemas_pb2 as pb

from control_plane.ledger import ingestions
from tests.builders import an_ingestion_message
from tests.control_plane.api.conftest import Client
from tests.control_plane.api.refusals import refused
from tests.control_plane.api.test_leases import acquired, holding
from tests.control_plane.ledger.steps import Steps, some_files

ORDERS = "ingestions/orders"
POLICY = ingestions_pb2.SchemaPolicy
Change = schema_changes_pb2.SchemaChange
ACCEPT, REJECT = pb.ResolveSchemaChangeRequest.RESOLUTION_ACCEPT, pb.ResolveSchemaChangeRequest.RESOLUTION_REJECT
MISMATCH = errors_pb2.LoadError(category=errors_pb2.ERROR_CATEGORY_SCHEMA_MISMATCH, message="It has `region`.")


def column(name: str, type: str) -> ingestions_pb2.Column:
    return ingestions_pb2.Column(name=name, type=type)


async def leased(client: Client, steps: Steps, schema: ingestions_pb2.SchemaPolicy | None = None) -> wire.Lease:
    """A lease of two files of an ingestion that somebody created over the API."""
    message = an_ingestion_message(uri="s3://bucket")
    message.load.max_attempts = 3
    message.schema.MergeFrom(schema or POLICY())
    await client.ingestions.CreateIngestion(
        ingestions_pb2.CreateIngestionRequest(ingestion_id="orders", ingestion=message)
    )
    await again(client, steps)
    return await acquired(client)


async def again(client: Client, steps: Steps) -> None:
    async with steps.database.transaction() as connection:
        stored = await ingestions.get(connection, "default", "orders")
    await steps.run_again(stored, some_files(2))


async def propose(client: Client, lease: wire.Lease, *columns: ingestions_pb2.Column, base: int = 0) -> int:
    changes = [wire.WantedChange(change=Change(path=each.name), files=[1]) for each in columns]
    request = wire.ProposeSchemaRequest(**holding(lease), columns=columns, base_version=base, changes=changes)
    return (await client.leases.ProposeSchema(request)).version


def staging(lease: wire.Lease, *wanted: wire.WantedChange) -> wire.StageLeaseRequest:
    outcome = wire.FileOutcome.OUTCOME_FAILED
    return wire.StageLeaseRequest(
        **holding(lease),
        staged=wire.StagedTable(table="lake.sales.orders"),
        records_written=[0, 0],
        exceptions=[wire.FileOutcome(index=index, outcome=outcome, error=MISMATCH) for index in range(2)],
        held_changes=wanted,
    )


def wants(path: str, new_type: str, *files: int) -> wire.WantedChange:
    return wire.WantedChange(change=Change(kind=Change.KIND_ADDED, path=path, new_type=new_type), files=files)


async def held(client: Client, steps: Steps, *wanted: wire.WantedChange) -> list[Change]:
    """What waits after a lease whose files all want something."""
    lease = await leased(client, steps, POLICY(on_schema_change=POLICY.ON_SCHEMA_CHANGE_FAIL))
    await propose(client, lease, column("id", "int"))
    await client.leases.StageLease(staging(lease, *(wanted or (wants("region", "STRING", 0, 1),))))
    await client.leases.CompleteLease(wire.CompleteLeaseRequest(lease=lease.id, fence=lease.fence))
    return list((await client.schemas.ListSchemaChanges(pb.ListSchemaChangesRequest(parent=ORDERS))).schema_changes)


async def resolve(
    client: Client, change: str, resolution: pb.ResolveSchemaChangeRequest.Resolution.ValueType
) -> Change:
    request = pb.ResolveSchemaChangeRequest(name=change, resolution=resolution, request_id=str(uuid.uuid4()))
    return await client.schemas.ResolveSchemaChange(request)


async def test_a_lease_tells_the_policy_and_the_version(client: Client, steps: Steps) -> None:
    load = (await leased(client, steps)).load
    assert load.on_schema_change == POLICY.ON_SCHEMA_CHANGE_APPEND_NEW_COLUMNS
    assert load.schema_check == POLICY.SCHEMA_CHECK_FULL
    assert (load.schema_version, list(load.columns), list(load.fixed_columns)) == (0, [], [])


async def test_a_lease_tells_what_is_declared_hinted_and_checked(client: Client, steps: Steps) -> None:
    schema = POLICY(
        columns=[column("id", "INT")],
        hints=[column("at", "timestamp")],
        on_schema_change=POLICY.ON_SCHEMA_CHANGE_APPEND_NEW_COLUMNS,
        schema_check=POLICY.SCHEMA_CHECK_SAMPLE,
    )
    load = (await leased(client, steps, schema)).load
    assert (load.schema_version, list(load.columns)) == (1, [column("id", "int")])
    assert list(load.hints) == [column("at", "timestamp")]
    assert list(load.fixed_columns) == ["id", "at"]
    assert load.schema_check == POLICY.SCHEMA_CHECK_SAMPLE
    stored = await client.ingestions.GetIngestion(ingestions_pb2.GetIngestionRequest(name=ORDERS))
    schema.columns[0].type = "int"
    assert stored.schema == schema


async def test_versions_are_listed_newest_first_with_what_they_changed(client: Client, steps: Steps) -> None:
    lease = await leased(client, steps)
    assert await propose(client, lease, column("id", "int")) == 1
    assert await propose(client, lease, column("id", "bigint"), column("region", "string"), base=1) == 2
    newest, first = (
        await client.schemas.ListSchemaVersions(pb.ListSchemaVersionsRequest(parent=ORDERS))
    ).schema_versions
    assert (newest.name, newest.state) == (f"{ORDERS}/schemaVersions/2", pb.SchemaVersion.STATE_CURRENT)
    assert (newest.origin, newest.run) == (pb.SchemaVersion.ORIGIN_EVOLVED, lease.run)
    assert newest.on_schema_change == POLICY.ON_SCHEMA_CHANGE_APPEND_NEW_COLUMNS
    assert list(newest.columns) == [column("id", "bigint"), column("region", "string")]
    assert [(each.kind, each.path, each.old_type, each.new_type) for each in newest.changes] == [
        (Change.KIND_WIDENED, "id", "int", "bigint"),
        (Change.KIND_ADDED, "region", "", "string"),
    ]
    files = (await client.files.ListFiles(files_pb2.ListFilesRequest(parent=ORDERS))).files
    assert {each.file for each in newest.changes} == {files[1].name}
    assert {each.state for each in newest.changes} == {Change.STATE_APPLIED}
    assert (first.state, first.origin) == (pb.SchemaVersion.STATE_SUPERSEDED, pb.SchemaVersion.ORIGIN_INFERRED)
    run = await client.runs.GetRun(runs_pb2.GetRunRequest(name=lease.run))
    assert [each.path for each in run.schema_changes] == ["id", "region"]
    assert {each.schema_version for each in run.schema_changes} == {newest.name}


async def test_versions_are_paged_and_got_one_by_one(client: Client, steps: Steps) -> None:
    lease = await leased(client, steps)
    for number in range(3):
        columns = [column(f"c{count}", "int") for count in range(number + 1)]
        await propose(client, lease, *columns, base=number)
    page = await client.schemas.ListSchemaVersions(pb.ListSchemaVersionsRequest(parent=ORDERS, page_size=2))
    rest = await client.schemas.ListSchemaVersions(
        pb.ListSchemaVersionsRequest(parent=ORDERS, page_size=2, page_token=page.next_page_token)
    )
    listed = [*page.schema_versions, *rest.schema_versions]
    assert [len(each.columns) for each in listed] == [3, 2, 1]
    assert rest.next_page_token == ""
    for version in listed:
        assert await client.schemas.GetSchemaVersion(pb.GetSchemaVersionRequest(name=version.name)) == version
    current = pb.GetSchemaVersionRequest(name=f"{ORDERS}/schemaVersions/current")
    assert await client.schemas.GetSchemaVersion(current) == listed[0]


async def test_what_is_not_there_is_said_so(client: Client, steps: Steps) -> None:
    await leased(client, steps)
    for version in ("1", "current", "0", "x", str(2**40)):
        request = pb.GetSchemaVersionRequest(name=f"{ORDERS}/schemaVersions/{version}")
        assert (await refused(client.schemas.GetSchemaVersion(request))).code is grpc.StatusCode.NOT_FOUND
    nobody = pb.ListSchemaVersionsRequest(parent="ingestions/nobody")
    assert (await refused(client.schemas.ListSchemaVersions(nobody))).code is grpc.StatusCode.NOT_FOUND
    unknown = resolve(client, f"{ORDERS}/schemaChanges/9", ACCEPT)
    assert (await refused(unknown)).reason == "NOT_FOUND"


async def test_a_change_that_waits_is_shown_everywhere(client: Client, steps: Steps) -> None:
    (change,) = await held(client, steps)
    assert (change.state, change.kind, change.path, change.new_type, change.file_count) == (
        Change.STATE_HELD,
        Change.KIND_ADDED,
        "region",
        "string",
        2,
    )
    current = pb.GetSchemaVersionRequest(name=f"{ORDERS}/schemaVersions/current")
    assert list((await client.schemas.GetSchemaVersion(current)).held_changes) == [change]
    run = await client.runs.GetRun(runs_pb2.GetRunRequest(name=change.run))
    assert [each.name for each in run.schema_changes] == [change.name]
    assert [(each.kind, each.subject) for each in run.warnings] == [
        (runs_pb2.RunWarning.KIND_SCHEMA_CHANGE_HELD, "region")
    ]
    by_state = pb.ListSchemaChangesRequest(parent=ORDERS, filter="state = REJECTED")
    assert not (await client.schemas.ListSchemaChanges(by_state)).schema_changes


async def test_a_file_that_waits_says_for_which_change(client: Client, steps: Steps) -> None:
    (change,) = await held(client, steps)
    request = files_pb2.ExplainFileRequest(parent=ORDERS, uri="s3://bucket/0000.json")
    told = await client.files.ExplainFile(request)
    assert told.verdict == files_pb2.ExplainFileResponse.VERDICT_FAILED
    assert told.explanation.endswith(f"it waits for your word about {change.name}.")
    await resolve(client, change.name, REJECT)
    assert (await client.files.ExplainFile(request)).verdict == files_pb2.ExplainFileResponse.VERDICT_WAITING


async def test_a_decision_is_answered_with_what_became_of_the_change(client: Client, steps: Steps) -> None:
    region, zip_code = await held(client, steps, wants("region", "string", 0), wants("zip", "int", 1))
    accepted = await resolve(client, region.name, ACCEPT)
    assert (accepted.state, accepted.schema_version) == (Change.STATE_APPLIED, f"{ORDERS}/schemaVersions/2")
    rejected = await resolve(client, zip_code.name, REJECT)
    assert rejected.state == Change.STATE_REJECTED
    newest = await client.schemas.GetSchemaVersion(pb.GetSchemaVersionRequest(name=f"{ORDERS}/schemaVersions/current"))
    assert newest.origin == pb.SchemaVersion.ORIGIN_ACCEPTED
    await again(client, steps)
    load = (await acquired(client)).load
    assert (load.schema_version, list(load.ignored_fields)) == (2, ["zip"])
    assert len(load.files) == 2


async def test_a_decision_may_be_told_again_and_be_tried_first(client: Client, steps: Steps) -> None:
    (change,) = await held(client, steps)
    request = pb.ResolveSchemaChangeRequest(name=change.name, resolution=ACCEPT, request_id="r", validate_only=True)
    assert (await client.schemas.ResolveSchemaChange(request)).state == Change.STATE_APPLIED
    request.validate_only = False
    answers = [await client.schemas.ResolveSchemaChange(request) for _ in range(2)]
    assert answers[0] == answers[1]
    other = await refused(resolve(client, change.name, REJECT))
    assert (other.code, other.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE")
    assert other.metadata["state"] == "APPLIED"


async def test_no_decision_is_refused(client: Client, steps: Steps) -> None:
    (change,) = await held(client, steps)
    nothing = pb.ResolveSchemaChangeRequest.RESOLUTION_UNSPECIFIED
    assert "ACCEPT, REJECT" in (await refused(resolve(client, change.name, nothing))).violations["resolution"]


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (wants("a", "int", 2), "held_changes[0].files"),
        (wants("a", "int"), "held_changes[0].files"),
        (wants("", "int", 0), "held_changes[0].change.path"),
        (wants("a", "number", 0), "held_changes[0].change.new_type"),
        (wire.WantedChange(change=Change(path="a", new_type="int"), files=[0]), "held_changes[0].change.kind"),
        (
            wire.WantedChange(change=Change(kind=Change.KIND_DROPPED, path="a"), files=[0]),
            "held_changes[0].change.kind",
        ),
    ],
)
async def test_what_no_file_can_want_is_refused(
    client: Client, steps: Steps, wanted: wire.WantedChange, field: str
) -> None:
    lease = await leased(client, steps)
    assert field in (await refused(client.leases.StageLease(staging(lease, wanted)))).violations


async def test_a_proposal_that_the_policy_forbids_is_refused_by_its_path(client: Client, steps: Steps) -> None:
    lease = await leased(client, steps, POLICY(on_schema_change=POLICY.ON_SCHEMA_CHANGE_IGNORE))
    await propose(client, lease, column("id", "int"))
    told = await refused(propose(client, lease, column("id", "int"), column("region", "string"), base=1))
    assert (told.code, told.violations["columns"]) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "`region` cannot be added under IGNORE",
    )


@pytest.mark.parametrize(
    ("schema", "field"),
    [
        (POLICY(hints=[column("a", "number")]), "ingestion.schema.hints[0].type"),
        (POLICY(hints=[column("a", "int"), column("A", "int")]), "ingestion.schema.hints"),
        (POLICY(columns=[column("a", "int")], hints=[column("A", "int")]), "ingestion.schema.hints[0]"),
        (POLICY(on_schema_change=9), "ingestion.schema.on_schema_change"),  # type: ignore[arg-type]
        (POLICY(schema_check=9), "ingestion.schema.schema_check"),  # type: ignore[arg-type]
    ],
)
async def test_a_policy_that_cannot_be_is_refused(
    client: Client, schema: ingestions_pb2.SchemaPolicy, field: str
) -> None:
    message = an_ingestion_message()
    message.schema.CopyFrom(schema)
    request = ingestions_pb2.CreateIngestionRequest(ingestion_id="orders", ingestion=message)
    assert field in (await refused(client.ingestions.CreateIngestion(request))).violations
