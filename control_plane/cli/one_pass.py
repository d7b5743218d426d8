"""One pass of an ingestion: started, followed to its rest, and cancelled when we are."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

import grpc
from autoloader.v1 import ingestions_pb2, runs_pb2
from autoloader.v1.ingestions_pb2_grpc import IngestionServiceStub
from autoloader.v1.runs_pb2_grpc import RunServiceStub

from control_plane.cli.client import STREAM_ENDED, metadata_of, reason_of
from control_plane.cli.ensure import ensure
from control_plane.cli.wanted import Wanted

if TYPE_CHECKING:
    from autoloader.v1.runs_pb2_grpc import RunServiceAsyncStub

Show = Callable[[runs_pb2.Run], None]


async def load(channel: grpc.aio.Channel, wanted: Wanted, *, show: Show) -> list[runs_pb2.Run]:
    """Loads what is new of what is wanted; answers its run at its rest, as the last one.

    A run that an earlier process left unfinished is followed to its rest first.
    """
    ingestions, runs = IngestionServiceStub(channel), RunServiceStub(channel)
    name = await ensure(ingestions, wanted)
    rested: list[runs_pb2.Run] = []
    while True:
        request = ingestions_pb2.RunIngestionRequest(name=name, request_id=str(uuid.uuid4()))
        try:
            opened = await ingestions.RunIngestion(request)
        except grpc.aio.AioRpcError as error:
            if reason_of(error) != "RUN_ACTIVE":
                raise
            rested.append(await _follow(runs, metadata_of(error)["run"], show=show))
        else:
            return [*rested, await _follow(runs, opened.name, show=show)]


async def _follow(runs: RunServiceAsyncStub, name: str, *, show: Show) -> runs_pb2.Run:
    try:
        return await _watch(runs, name, show=show)
    except asyncio.CancelledError:
        await runs.CancelRun(runs_pb2.CancelRunRequest(name=name, request_id=str(uuid.uuid4())))
        await _watch(runs, name, show=show)
        raise


async def _watch(runs: RunServiceAsyncStub, name: str, *, show: Show) -> runs_pb2.Run:
    """Watches again where a server ends a stream that is old."""
    while True:
        try:
            run = runs_pb2.Run()
            async for run in runs.WatchRun(runs_pb2.WatchRunRequest(name=name)):
                show(run)
            return run
        except grpc.aio.AioRpcError as error:
            if error.code() not in STREAM_ENDED:
                raise
            await asyncio.sleep(1)
