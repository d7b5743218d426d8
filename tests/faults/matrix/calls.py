"""The calls of a user that change the ledger, each under a request id by which it may be made again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from autoloader.v1 import files_pb2, recovery_pb2, runs_pb2, schema_changes_pb2, schemas_pb2
from autoloader.v1 import ingestions_pb2 as pb
from google.protobuf.empty_pb2 import Empty

from tests.faults.scene import Load

Resolution: TypeAlias = runs_pb2.ResolvePublishRequest.Resolution.ValueType


def of_a_cancelled_run(load: Load) -> dict[str, Callable[[str], Awaitable[object]]]:
    """Calls to make in turn, by their methods, which lead an ingestion to a run that is cancelled."""
    client, name = load.installation.client, load.ingestion
    ingestion = pb.Ingestion(
        source=load.place.source,
        format=pb.Format(json=pb.JsonFormat()),
        destination=pb.Destination(table=load.table),
    )
    changed = pb.Ingestion(name=name, labels={"changed": "yes"})
    return {
        "CreateIngestion": lambda id: client.ingestions.CreateIngestion(
            pb.CreateIngestionRequest(ingestion_id=name.partition("/")[2], ingestion=ingestion, request_id=id)
        ),
        "UpdateIngestion": lambda id: client.ingestions.UpdateIngestion(
            pb.UpdateIngestionRequest(ingestion=changed, request_id=id)
        ),
        "PauseIngestion": lambda id: client.ingestions.PauseIngestion(
            pb.PauseIngestionRequest(name=name, request_id=id)
        ),
        "ResumeIngestion": lambda id: client.ingestions.ResumeIngestion(
            pb.ResumeIngestionRequest(name=name, request_id=id)
        ),
        "RunIngestion": lambda id: run(load, id),
        "CancelRun": lambda id: cancel(load, id),
    }


async def run(load: Load, request_id: str) -> str:
    """Starts a run; its name."""
    request = pb.RunIngestionRequest(name=load.ingestion, request_id=request_id)
    return (await load.installation.client.ingestions.RunIngestion(request)).name


async def cancel(load: Load, request_id: str) -> runs_pb2.Run:
    """Cancels the only run."""
    (run,) = await load.installation.client.history(load.ingestion)
    return await load.installation.client.runs.CancelRun(
        runs_pb2.CancelRunRequest(name=run.name, request_id=request_id)
    )


async def retry(load: Load, request_id: str) -> files_pb2.RetryFilesResponse:
    """Sets all files back that failed, or were ruled out after it."""
    request = files_pb2.RetryFilesRequest(parent=load.ingestion, include_skipped=True, request_id=request_id)
    return await load.installation.client.files.RetryFiles(request)


async def skip(load: Load, request_id: str) -> files_pb2.SkipFilesResponse:
    """Rules all files out that failed."""
    request = files_pb2.SkipFilesRequest(parent=load.ingestion, filter="state = FAILED", request_id=request_id)
    return await load.installation.client.files.SkipFiles(request)


async def resolve(
    run: str,
    request_id: str,
    *,
    load: Load,
    lease: str,
    resolution: Resolution = runs_pb2.ResolvePublishRequest.RESOLUTION_NOT_PUBLISHED,
) -> runs_pb2.Run:
    """Says of a lease in doubt that its rows are not in the table, or something else."""
    request = runs_pb2.ResolvePublishRequest(
        name=run,
        lease=lease,
        resolution=resolution,
        request_id=request_id,
    )
    return await load.installation.client.runs.ResolvePublish(request)


async def restore(load: Load, request_id: str) -> recovery_pb2.RestoreLeasesResponse:
    """Tells the ledger of the leases that it knows."""
    client = load.installation.client.recovery
    known = await client.ListLeases(recovery_pb2.ListLeasesRequest(parent=load.ingestion))
    told = [
        recovery_pb2.ForgottenLease(id=lease.id, staged=lease.staged, published_snapshot_id=lease.published_snapshot_id)
        for lease in known.leases
    ]
    request = recovery_pb2.RestoreLeasesRequest(parent=load.ingestion, leases=told, request_id=request_id)
    return await client.RestoreLeases(request)


async def reject(load: Load, request_id: str) -> schema_changes_pb2.SchemaChange:
    """Turns the only change down that is, or was, held."""
    schemas = load.installation.client.schemas
    (change,) = (
        await schemas.ListSchemaChanges(schemas_pb2.ListSchemaChangesRequest(parent=load.ingestion))
    ).schema_changes
    request = schemas_pb2.ResolveSchemaChangeRequest(
        name=change.name,
        resolution=schemas_pb2.ResolveSchemaChangeRequest.RESOLUTION_REJECT,
        request_id=request_id,
    )
    return await schemas.ResolveSchemaChange(request)


async def preview(load: Load) -> pb.Preview:
    """What a load would make of the files."""
    request = pb.PreviewIngestionRequest(name=load.ingestion)
    return (await load.installation.client.ingestions.PreviewIngestion(request)).preview


async def delete(load: Load, request_id: str) -> Empty:
    request = pb.DeleteIngestionRequest(name=load.ingestion, request_id=request_id)
    return await load.installation.client.ingestions.DeleteIngestion(request)
