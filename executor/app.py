"""Builds the executor from its settings, and runs it until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog

from executor.credentials import KeyRing
from executor.failpoints import failpoint
from executor.lease_client import LeaseClient
from executor.loader import SparkLoader
from executor.metrics import Metrics, exposed
from executor.room import Room
from executor.settings import Settings
from executor.spark import SparkSettings
from executor.wire import Caller, Channel, open_channel
from executor.worker import Worker

EXIT_DRAINED = 0
EXIT_ABANDONED = 1
# Besides one thread for each lease: warming up, and reading files of keys.
THREADS_SPARE = 4

log = structlog.get_logger()


async def run(settings: Settings) -> int:
    """Works until a drain, and answers the exit code. Leaves hard if a lease outlasts it."""
    draining, over = asyncio.Event(), asyncio.Event()
    _listen_for_signals(draining, over, drain_seconds=settings.drain_seconds)
    threads = ThreadPoolExecutor(settings.leases_at_once + THREADS_SPARE, "lease")
    asyncio.get_running_loop().set_default_executor(threads)
    metrics, loader = Metrics(), SparkLoader(spark_settings(settings))
    log.info("executor_started", name=settings.name, pool=settings.pool)
    with exposed(metrics, host=settings.metrics_host, port=settings.metrics_port):
        async with open_channel(settings.control_plane) as channel:
            client, room = _client(settings, channel), Room()
            workers = [
                Worker(client=client, loader=loader, metrics=metrics, draining=draining, room=room)
                for _ in range(settings.leases_at_once)
            ]
            if settings.warm_start:
                threads.submit(loader.warm)
            finished = await until_done([worker.run() for worker in workers], over)
    if not finished:
        # A thread may be deep in a Spark job, and would hold up a soft exit for as long.
        log.warning("executor_abandoned_its_lease")
        os._exit(EXIT_ABANDONED)
    await asyncio.to_thread(loader.close)
    log.info("executor_drained")
    return EXIT_DRAINED


def spark_settings(settings: Settings) -> SparkSettings:
    return SparkSettings(
        master=settings.spark_master,
        conf=settings.spark_conf,
        data_folder=settings.data_folder,
        default_catalog=settings.default_catalog,
    )


def _client(settings: Settings, channel: Channel) -> LeaseClient:
    return LeaseClient(
        channel,
        executor=settings.name,
        pool=settings.pool,
        keys=KeyRing(variables=settings.allowed_environment, files=settings.allowed_files),
        caller=Caller(),
    )


async def until_done(workers: Iterable[Coroutine[Any, Any, object]], over: asyncio.Event) -> bool:
    """Whether all workers came to their end by themselves, before the drain was over."""
    working = [asyncio.create_task(worker) for worker in workers]
    cutting = asyncio.create_task(_cut_short(working, over))
    await asyncio.wait(working, return_when=asyncio.FIRST_EXCEPTION)
    cutting.cancel()
    if broken := [task for task in working if task.done() and not task.cancelled() and task.exception()]:
        await _cancelled(working)
        broken[0].result()
    return not any(task.cancelled() for task in working)


async def _cut_short(working: Sequence[asyncio.Task[object]], over: asyncio.Event) -> None:
    await over.wait()
    await _cancelled(working)


async def _cancelled(working: Sequence[asyncio.Task[object]]) -> None:
    for task in working:
        task.cancel()
    await asyncio.wait(working)


def _listen_for_signals(draining: asyncio.Event, over: asyncio.Event, *, drain_seconds: float) -> None:
    loop = asyncio.get_running_loop()

    def on_signal(number: int) -> None:
        if draining.is_set():
            log.warning("executor_stopped_at_once")
            os._exit(128 + number)
        log.info("executor_draining", drain_seconds=drain_seconds)
        draining.set()
        failpoint("executor.draining")
        loop.call_later(drain_seconds, over.set)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
