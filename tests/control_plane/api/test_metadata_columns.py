"""Metadata columns over gRPC on a real ledger: kept, changed, handed to executors, and refused by name."""

from __future__ import annotations

from autoloader.v1 import ingestions_pb2 as pb
from autoloader.v1 import leases_pb2
from google.protobuf.field_mask_pb2 import FieldMask

from tests.builders import an_ingestion_message
from tests.control_plane.api.conftest import Client
from tests.control_plane.api.refusals import refused
from tests.control_plane.api.test_leases import acquired, holding
from tests.control_plane.api.test_schemas import column, leased, propose
from tests.control_plane.ledger.steps import Steps

FILE = pb.MetadataColumn(kind=pb.MetadataColumn.KIND_SOURCE_FILE, name="_source_file")
RUN = pb.MetadataColumn(kind=pb.MetadataColumn.KIND_RUN, name="loaded_by")


async def create(client: Client, *columns: pb.MetadataColumn) -> pb.Ingestion:
    message = an_ingestion_message()
    message.destination.metadata_columns.extend(columns)
    request = pb.CreateIngestionRequest(ingestion_id="orders", ingestion=message)
    return await client.ingestions.CreateIngestion(request)


async def test_they_are_kept_with_the_names_of_their_kinds_and_can_change(client: Client) -> None:
    created = await create(client, pb.MetadataColumn(kind=FILE.kind), RUN)
    assert list(created.destination.metadata_columns) == [FILE, RUN]
    found = await client.ingestions.GetIngestion(pb.GetIngestionRequest(name=created.name))
    assert found == created
    found.destination.ClearField("metadata_columns")
    mask = FieldMask(paths=["destination.metadata_columns"])
    changed = await client.ingestions.UpdateIngestion(pb.UpdateIngestionRequest(ingestion=found, update_mask=mask))
    assert list(changed.destination.metadata_columns) == []
    assert changed.destination.table == created.destination.table


async def test_unknown_kinds_and_names_of_columns_are_refused(client: Client) -> None:
    message = an_ingestion_message()
    message.schema.columns.add(name="Loaded_By", type="string")
    message.destination.metadata_columns.extend([RUN, pb.MetadataColumn(kind=77)])  # type: ignore[arg-type]
    message.destination.metadata_columns.add()
    request = pb.CreateIngestionRequest(ingestion_id="orders", ingestion=message)
    refusal = await refused(client.ingestions.CreateIngestion(request))
    field = "ingestion.destination.metadata_columns"
    assert sorted(refusal.violations) == [f"{field}[0].name", f"{field}[1].kind", f"{field}[2].kind"]


async def test_they_go_to_executors_and_never_by_the_name_of_a_column_that_files_made(
    client: Client, steps: Steps
) -> None:
    lease = await leased(client, steps)
    await propose(client, lease, column("loaded_by", "string"))
    wanted = pb.Ingestion(name="ingestions/orders", destination=pb.Destination(metadata_columns=[FILE, RUN]))
    refusal = await refused(client.ingestions.UpdateIngestion(pb.UpdateIngestionRequest(ingestion=wanted)))
    assert list(refusal.violations) == ["ingestion.destination.metadata_columns[1].name"]
    del wanted.destination.metadata_columns[1]
    await client.ingestions.UpdateIngestion(pb.UpdateIngestionRequest(ingestion=wanted))
    await client.leases.ReleaseLease(leases_pb2.ReleaseLeaseRequest(**holding(lease)))
    assert list((await acquired(client)).load.destination.metadata_columns) == [FILE]
