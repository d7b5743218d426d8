"""Every call that changes something: how to bring an ingestion to where the call makes sense, and its request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from autoloader.v1 import files_pb2, ingestions_pb2, runs_pb2, schemas_pb2
from autoloader.v1 import leases_pb2 as pb
from google.protobuf.field_mask_pb2 import FieldMask

from tests.faults.postgres.play import Play, a_request_id, until


@dataclass(frozen=True, slots=True)
class Call:
    """`prepare` answers the request, `words` are those of a statement in its transaction and in no loop's."""

    name: str
    words: str
    prepare: Callable[[Play], Awaitable[Any]]


async def _create(play: Play) -> Any:
    play.put(2)
    return play.creation()


async def _update(play: Play) -> Any:
    await play.create()
    ingestion = ingestions_pb2.Ingestion(name=play.name, display_name="Another name")
    mask = FieldMask(paths=["display_name"])
    return ingestions_pb2.UpdateIngestionRequest(ingestion=ingestion, update_mask=mask, request_id=a_request_id())


async def _on_the_ingestion(kind: Any, play: Play) -> Any:
    await play.create()
    return kind(name=play.name, request_id=a_request_id())


async def _resume(play: Play) -> Any:
    await play.create()
    await play.doors.call(ingestions_pb2.PauseIngestionRequest(name=play.name))
    return ingestions_pb2.ResumeIngestionRequest(name=play.name, request_id=a_request_id())


async def _cancel(play: Play) -> Any:
    await play.create()
    await play.hold()
    return runs_pb2.CancelRunRequest(name=play.run, request_id=a_request_id())


async def _resolve(resolution: runs_pb2.ResolvePublishRequest.Resolution.ValueType, play: Play) -> Any:
    await play.create()
    await play.hold()
    await play.stage()
    await play.doors.call(play.failure(pb.FailLeaseRequest.OUTCOME_IN_DOUBT))
    return runs_pb2.ResolvePublishRequest(
        name=play.run, lease=play.lease.id, resolution=resolution, request_id=a_request_id()
    )


async def _retry(play: Play) -> Any:
    await play.create()
    await play.hold()
    await play.stage(failed=True)
    await play.doors.call(play.completion(snapshot_id=0))
    await until(lambda: play.all_are(files_pb2.File.STATE_FAILED))
    return files_pb2.RetryFilesRequest(parent=play.name, request_id=a_request_id())


async def _decide(resolution: schemas_pb2.ResolveSchemaChangeRequest.Resolution.ValueType, play: Play) -> Any:
    await play.create()
    await play.hold()
    await play.doors.call(play.proposal())
    await play.doors.call(play.waiting())
    await play.doors.call(play.completion(snapshot_id=0))
    held = await play.doors.call(schemas_pb2.ListSchemaChangesRequest(parent=play.name))
    return schemas_pb2.ResolveSchemaChangeRequest(
        name=held.schema_changes[0].name, resolution=resolution, request_id=a_request_id()
    )


async def _complete_held(play: Play) -> Any:
    await play.create()
    await play.hold()
    await play.doors.call(play.waiting())
    return play.completion(snapshot_id=0)


async def _skip(play: Play) -> Any:
    await _retry(play)
    return files_pb2.SkipFilesRequest(parent=play.name, filter="state = FAILED", request_id=a_request_id())


async def _restore(play: Play) -> Any:
    await play.create()
    await play.offer()
    await play.doors.call(runs_pb2.CancelRunRequest(name=play.run))
    return await play.restoration()


async def _acquire(play: Play) -> Any:
    await play.create()
    await play.offer()
    return play.acquisition()


async def _held(request: Callable[[Play], Any], play: Play) -> Any:
    await play.create()
    await play.hold()
    return request(play)


async def _first_renewal(play: Play) -> Any:
    await play.create()
    await play.offer()
    assert await play.acquire()
    return play.renewal()


async def _staged(request: Callable[[Play], Any], play: Play) -> Any:
    await play.create()
    await play.hold()
    await play.stage()
    return request(play)


def _fail(outcome: pb.FailLeaseRequest.Outcome.ValueType) -> Callable[[Play], Any]:
    return lambda play: play.failure(outcome)


_REPEATABLE = "INSERT INTO requests"
_Resolve, _Fail = runs_pb2.ResolvePublishRequest, pb.FailLeaseRequest
_Decide = schemas_pb2.ResolveSchemaChangeRequest
CALLS = (
    Call("CreateIngestion", _REPEATABLE, _create),
    Call("UpdateIngestion", _REPEATABLE, _update),
    Call("DeleteIngestion", _REPEATABLE, partial(_on_the_ingestion, ingestions_pb2.DeleteIngestionRequest)),
    Call("RunIngestion", _REPEATABLE, partial(_on_the_ingestion, ingestions_pb2.RunIngestionRequest)),
    Call("PauseIngestion", _REPEATABLE, partial(_on_the_ingestion, ingestions_pb2.PauseIngestionRequest)),
    Call("ResumeIngestion", _REPEATABLE, _resume),
    Call("CancelRun", _REPEATABLE, _cancel),
    Call("ResolvePublish-try-again", _REPEATABLE, partial(_resolve, _Resolve.RESOLUTION_TRY_AGAIN)),
    Call("ResolvePublish-published", _REPEATABLE, partial(_resolve, _Resolve.RESOLUTION_PUBLISHED)),
    Call("ResolvePublish-not-published", _REPEATABLE, partial(_resolve, _Resolve.RESOLUTION_NOT_PUBLISHED)),
    Call("RetryFiles", _REPEATABLE, _retry),
    Call("ResolveSchemaChange-accept", _REPEATABLE, partial(_decide, _Decide.RESOLUTION_ACCEPT)),
    Call("ResolveSchemaChange-reject", _REPEATABLE, partial(_decide, _Decide.RESOLUTION_REJECT)),
    Call("SkipFiles", _REPEATABLE, _skip),
    Call("RestoreLeases", _REPEATABLE, _restore),
    Call("AcquireLease", "INSERT INTO attempts", _acquire),
    Call("RenewLease-first", "begun = true", _first_renewal),
    Call("RenewLease", "begun = true", partial(_held, Play.renewal)),
    Call("ProposeSchema", "INSERT INTO schema_versions", partial(_held, Play.proposal)),
    Call("StageLease", "SET state = 'STAGED'", partial(_held, Play.staging)),
    Call("CompleteLease", "SET state = 'PUBLISHED'", partial(_staged, Play.completion)),
    Call("CompleteLease-held", "SET state = 'PUBLISHED'", _complete_held),
    Call("FailLease-not-staged", "SET state = 'OFFERED'", partial(_held, _fail(_Fail.OUTCOME_NOT_STAGED))),
    Call("FailLease-not-published", "SET state = 'OFFERED'", partial(_staged, _fail(_Fail.OUTCOME_NOT_PUBLISHED))),
    Call("FailLease-in-doubt", "SET state = 'IN_DOUBT'", partial(_staged, _fail(_Fail.OUTCOME_IN_DOUBT))),
    Call("ReleaseLease", "WHEN 'STAGED' THEN now()", partial(_held, Play.release)),
    Call("ReleaseLease-staged", "WHEN 'STAGED' THEN now()", partial(_staged, Play.release)),
)
