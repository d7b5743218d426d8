"""The users of a torture: they run their ingestions again and again, and meddle; a call unanswered is made again."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

import grpc
from autoloader.v1 import files_pb2, runs_pb2
from autoloader.v1 import ingestions_pb2 as pb
from google.protobuf.field_mask_pb2 import FieldMask

from tests.control_plane.api.refusals import read
from tests.faults.postgres.play import Doors
from tests.faults.torture.landing import Landing

CALL_SECONDS = 4.0
PAUSE_SECONDS = 0.3
UNANSWERED = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}
# What calls made at any moment may be told.
NOT_NOW = {"RUN_ACTIVE", "INGESTION_PAUSED", "WRONG_STATE"}
AT_REST = {
    runs_pb2.Run.STATE_SUCCEEDED,
    runs_pb2.Run.STATE_PARTIALLY_SUCCEEDED,
    runs_pb2.Run.STATE_FAILED,
    runs_pb2.Run.STATE_CANCELLED,
}


@dataclass(slots=True)
class User:
    """Calls whichever control plane answers. `complaints` are answers that should not have been."""

    doors: Sequence[Doors]
    complaints: list[str] = field(default_factory=list)

    async def insist(self, request: Any, *, first: int = 0) -> Any:
        """The answer to a request that is repeated, with its id, until there is one; None when it is refused."""
        for attempt in count(first):
            try:
                return await self.doors[attempt % len(self.doors)].call(request, seconds=CALL_SECONDS)
            except grpc.aio.AioRpcError as error:
                if error.code() not in UNANSWERED:
                    self._refused(request, error)
                    return None
            await asyncio.sleep(PAUSE_SECONDS)
        raise AssertionError("count() does not end")

    async def say_twice(self, request: Any) -> Any:
        """The answer to a request that both control planes are sent at once, of which one effect is due."""
        answers = await asyncio.gather(*(self.insist(request, first=first) for first in range(2)))
        # A refusal is not remembered: what stood in the way may be gone when the other is answered.
        if len({getattr(each, "name", "") for each in answers if each is not None}) > 1:
            self.complaints.append(f"one request, two answers: {request} {answers}")
        return answers[0]

    def _refused(self, request: Any, error: grpc.aio.AioRpcError) -> None:
        told = read(error)
        if told.reason not in NOT_NOW:
            self.complaints.append(f"{type(request).__name__} was refused: {told.reason} {told.message}")


@dataclass(slots=True, kw_only=True)
class Ingestion:
    """An ingestion of a user's."""

    user: User
    name: str
    table: str
    landing: Landing

    async def create(self) -> None:
        request = pb.CreateIngestionRequest(
            ingestion_id=self.name.partition("/")[2],
            ingestion=pb.Ingestion(
                source=self.landing.place.source,
                format=pb.Format(json=pb.JsonFormat()),
                destination=pb.Destination(table=self.table),
                load=pb.LoadPolicy(max_files_per_lease=4, max_attempts=10, on_bad_record=self._on_bad_record()),
            ),
            request_id=a_request_id(),
        )
        await self.user.say_twice(request)

    def _on_bad_record(self) -> pb.LoadPolicy.OnBadRecord.ValueType:
        policy = pb.LoadPolicy
        return policy.ON_BAD_RECORD_KEEP_ASIDE if self.landing.keeps_aside else policy.ON_BAD_RECORD_FAIL_FILE

    async def keep_running(self) -> None:
        """Starts run after run."""
        while True:
            if run := await self.start():
                await self.rested(run)
            await asyncio.sleep(PAUSE_SECONDS)

    async def start(self) -> str:
        """The run that was started; empty when none may start now."""
        run = await self.user.say_twice(pb.RunIngestionRequest(name=self.name, request_id=a_request_id()))
        return run.name if run else ""

    async def rested(self, run: str) -> runs_pb2.Run:
        while True:
            seen: runs_pb2.Run = await self.user.insist(runs_pb2.GetRunRequest(name=run))
            if seen.state in AT_REST:
                return seen
            await asyncio.sleep(PAUSE_SECONDS)

    async def cancel(self) -> None:
        if run := await self.last_run():
            await self.user.say_twice(runs_pb2.CancelRunRequest(name=run, request_id=a_request_id()))

    async def pause(self, seconds: float) -> None:
        """For a while no run can be started."""
        await self.user.say_twice(pb.PauseIngestionRequest(name=self.name, request_id=a_request_id()))
        await asyncio.sleep(seconds)
        await self.resume()

    async def resume(self) -> None:
        await self.user.insist(pb.ResumeIngestionRequest(name=self.name, request_id=a_request_id()))

    async def update(self, random: Random) -> None:
        changed = pb.Ingestion(
            name=self.name,
            labels={"changed": str(random.random())},
            load=pb.LoadPolicy(max_files_per_lease=random.randint(1, 8)),
        )
        mask = FieldMask(paths=["labels", "load.max_files_per_lease"])
        request = pb.UpdateIngestionRequest(ingestion=changed, update_mask=mask, request_id=a_request_id())
        await self.user.say_twice(request)

    async def retry(self, names: Sequence[str] = ()) -> None:
        """Takes up these files, or whichever did not load."""
        request = files_pb2.RetryFilesRequest(parent=self.name, names=names, request_id=a_request_id())
        await self.user.say_twice(request)

    async def last_run(self) -> str:
        return str((await self.user.insist(pb.GetIngestionRequest(name=self.name))).last_run)

    async def runs_in_doubt(self) -> list[runs_pb2.Run]:
        answer = await self.user.insist(runs_pb2.ListRunsRequest(parent=self.name, page_size=1000))
        return [run for run in answer.runs if run.leases_in_doubt]

    async def files(self) -> list[files_pb2.File]:
        found: list[files_pb2.File] = []
        request = files_pb2.ListFilesRequest(parent=self.name, page_size=1000)
        while True:
            answer = await self.user.insist(request)
            found.extend(answer.files)
            if not answer.next_page_token:
                return found
            request.page_token = answer.next_page_token


def a_request_id() -> str:
    return str(uuid.uuid4())
