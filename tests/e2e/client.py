"""What a user says to the control plane, with nothing but the generated stubs."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import grpc
from autoloader.v1 import files_pb2, ingestions_pb2, runs_pb2
from autoloader.v1.files_pb2_grpc import FileServiceStub
from autoloader.v1.ingestions_pb2_grpc import IngestionServiceStub
from autoloader.v1.recovery_pb2_grpc import RecoveryServiceStub
from autoloader.v1.runs_pb2_grpc import RunServiceStub
from autoloader.v1.schemas_pb2_grpc import SchemaServiceStub

RUN_SECONDS = 120.0
CALL_SECONDS = 20.0
UNDER_WAY = {runs_pb2.Run.STATE_PENDING, runs_pb2.Run.STATE_RUNNING}
# What a control plane that dies, or is not there yet, looks like.
AWAY = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


class Client:
    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.ingestions = IngestionServiceStub(channel)
        self.runs = RunServiceStub(channel)
        self.files = FileServiceStub(channel)
        self.schemas = SchemaServiceStub(channel)
        self.recovery = RecoveryServiceStub(channel)

    async def create(
        self,
        source: ingestions_pb2.Source,
        *,
        table: str,
        load: ingestions_pb2.LoadPolicy | None = None,
        pool: str = "",
        ingestion_id: str = "",
        format: ingestions_pb2.Format | None = None,
        schema: ingestions_pb2.SchemaPolicy | None = None,
        metadata_columns: Iterable[ingestions_pb2.MetadataColumn] = (),
    ) -> str:
        """Creates an ingestion, of JSON lines unless said otherwise; its name."""
        request = ingestions_pb2.CreateIngestionRequest(
            ingestion_id=ingestion_id or f"story-{uuid.uuid4().hex[:12]}",
            ingestion=ingestions_pb2.Ingestion(
                source=source,
                format=format or ingestions_pb2.Format(json=ingestions_pb2.JsonFormat()),
                schema=schema,
                destination=ingestions_pb2.Destination(table=table, metadata_columns=metadata_columns),
                load=load,
                pool=pool,
            ),
        )
        return (await self.ingestions.CreateIngestion(request, timeout=CALL_SECONDS)).name

    async def start_run(self, ingestion: str) -> str:
        """Starts a run; its name."""
        request = ingestions_pb2.RunIngestionRequest(name=ingestion, request_id=str(uuid.uuid4()))
        return (await self.ingestions.RunIngestion(request, timeout=CALL_SECONDS, wait_for_ready=True)).name

    async def rested(self, run: str) -> runs_pb2.Run:
        """The run when it rests, even if the control plane dies and comes back meanwhile."""
        async with asyncio.timeout(RUN_SECONDS):
            while True:
                try:
                    seen = await self._watch(run)
                except grpc.aio.AioRpcError as error:
                    if error.code() not in AWAY:
                        raise
                else:
                    assert seen.state not in UNDER_WAY, "WatchRun ended before the run did"
                    return seen

    async def history(self, ingestion: str) -> list[runs_pb2.Run]:
        """The runs, oldest first."""
        answer = await self.runs.ListRuns(runs_pb2.ListRunsRequest(parent=ingestion), timeout=CALL_SECONDS)
        return list(reversed(answer.runs))

    async def list_files(self, ingestion: str) -> dict[str, files_pb2.File]:
        """The files of the ledger, by the last part of their uri; of one with several versions the newest."""
        request = files_pb2.ListFilesRequest(parent=ingestion, page_size=1000)
        answer = await self.files.ListFiles(request, timeout=CALL_SECONDS)
        return {file.uri.rpartition("/")[2]: file for file in answer.files}

    async def summary(self, ingestion: str) -> dict[int, files_pb2.FileSummary]:
        request = files_pb2.SummarizeFilesRequest(parent=ingestion)
        answer = await self.files.SummarizeFiles(request, timeout=CALL_SECONDS)
        return {each.state: each for each in answer.summaries}

    async def _watch(self, run: str) -> runs_pb2.Run:
        """The last that a watch shows."""
        watch = self.runs.WatchRun(runs_pb2.WatchRunRequest(name=run), wait_for_ready=True)
        return [seen async for seen in watch][-1]


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[Client]:
    options = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500)]
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        yield Client(channel)
