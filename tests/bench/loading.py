"""Measures loading, from RunIngestion to visible rows, against scripts that append the same files with the same Spark.

    python -m tests.bench.loading [--rounds 3] [--only NAME]

The plain script is what one writes first: `spark.read.schema(...).json(paths)`, `writeTo(table).append()`. The tuned
one lists on the driver and packs small files together. Neither knows which files are new, counts a file's rows, or
survives a crash. Autoloader knows the columns, as they do, and looks for new fields in a sample of the files; `full` is
Autoloader that looks at every field of every file, `off` one that looks at none. All run in one process on one warm
session, in turns.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from autoloader.v1 import ingestions_pb2, ingestions_pb2_grpc, runs_pb2, runs_pb2_grpc
from pydantic import SecretStr
from pyspark.sql import SparkSession

from control_plane.app import App
from control_plane.embedded.warehouse import CATALOG, Warehouse
from control_plane.settings import Settings
from control_plane.sources.registry import open_source
from control_plane.sources.source import SourceSpec
from control_plane.vault import make_key
from executor.credentials import KeyRing
from executor.lease_client import LeaseClient
from executor.loader import SparkLoader
from executor.metrics import Metrics
from executor.spark import SparkSettings
from executor.wire import Caller, open_channel
from executor.worker import Worker
from tests.postgres import running_postgres

KNOWN_FILES = 50_000
NOTHING_NEW = "nothing new"
# Until the JVM has compiled the path.
WARM_ROUNDS = 3
EVENT_TYPES = ("login", "pageview", "click", "purchase")
ONE_BAD = "one bad file among 1,000"
Check = ingestions_pb2.SchemaPolicy.SchemaCheck
CHECKS = {"autoloader": Check.SCHEMA_CHECK_SAMPLE, "full": Check.SCHEMA_CHECK_FULL, "off": Check.SCHEMA_CHECK_OFF}
SCHEMA = "id BIGINT, timestamp STRING, user_id STRING, event_type STRING, value DOUBLE"


@dataclass(frozen=True)
class Workload:
    """So many files of so many rows."""

    name: str
    files: int
    rows: int
    # The plain script takes minutes for many tiny files.
    contenders: tuple[str, ...] = ("plain", "tuned", "autoloader")


WORKLOADS = (
    Workload("3 files x 1,000 rows", 3, 1_000),
    Workload("1,000 files x 1,000 rows", 1_000, 1_000),
    Workload("8 files x 125,000 rows", 8, 125_000),
    Workload("10,000 files x 10 rows", 10_000, 10, contenders=("tuned", "autoloader")),
    Workload("fields of 1,000 files x 1,000 rows", 1_000, 1_000, contenders=("off", "full", "autoloader")),
    Workload("fields of 8 files x 125,000 rows", 8, 125_000, contenders=("off", "full", "autoloader")),
)


class Bench:
    """The contenders, on one warm Spark: each appends what arrives to a table of its own."""

    def __init__(self, channel: grpc.aio.Channel, folder: Path) -> None:
        self._ingestions = ingestions_pb2_grpc.IngestionServiceStub(channel)
        self._runs = runs_pb2_grpc.RunServiceStub(channel)
        self._folder = folder
        self._number = 0
        self._named: dict[str, str] = {}

    @property
    def spark(self) -> SparkSession:
        return SparkSession.builder.getOrCreate()

    async def prepare(self, workload: Workload) -> None:
        """Makes the files of the acceptance stories' base data, the tables and the ingestion."""
        self._number += 1
        self._made, self._arriving = self._folder / f"made-{self._number}", self._folder / f"arriving-{self._number}"
        self._made.mkdir()
        self._arriving.mkdir()
        for number in range(workload.files):
            ids = range(number * workload.rows, (number + 1) * workload.rows)
            lines = "".join(f"{json.dumps(_record(each))}\n" for each in ids)
            (self._made / f"data-{number:05}.json").write_text(lines)
        self._tables = {name: f"bench.{name}_{self._number}" for name in workload.contenders}
        await asyncio.to_thread(self._create_tables)
        for name in CHECKS.keys() & self._tables.keys():
            await self._create_ingestion(name, self._arriving)

    async def prepare_empty_files(self, count: int) -> Path:
        """Makes a folder of files without a record, which load without Spark, and loads them."""
        folder = self._folder / "empty"
        folder.mkdir()
        for number in range(count):
            (folder / f"data-{number:06}.json").touch()
        self._number += 1
        self._tables = {"autoloader": "bench.empty"}
        await self._create_ingestion("autoloader", folder)
        await self.run("autoloader", files=count)
        return folder

    def _create_tables(self) -> None:
        self.spark.sql(f"CREATE NAMESPACE IF NOT EXISTS {CATALOG}.bench")
        for table in self._tables.values():
            self.spark.sql(f"CREATE TABLE {CATALOG}.{table} ({SCHEMA}) USING iceberg")

    async def _create_ingestion(self, name: str, folder: Path) -> None:
        ingestion = ingestions_pb2.Ingestion(
            source=ingestions_pb2.Source(uri=f"file://{folder}"),
            format=ingestions_pb2.Format(json=ingestions_pb2.JsonFormat()),
            destination=ingestions_pb2.Destination(table=self._tables[name]),
            schema=ingestions_pb2.SchemaPolicy(schema_check=CHECKS[name]),
        )
        created = await self._ingestions.CreateIngestion(
            ingestions_pb2.CreateIngestionRequest(ingestion_id=f"{name}-{self._number}", ingestion=ingestion)
        )
        self._named[name] = created.name

    def arrive(self, round_number: int, *, with_a_bad_one: bool = False) -> list[str]:
        """Lets the files arrive once more, under new names, and the former ones leave; returns their paths."""
        for former in self._arriving.iterdir():
            shutil.rmtree(former)
        folder = self._arriving / f"round-{round_number}"
        folder.mkdir()
        for path in sorted(self._made.iterdir()):
            os.link(path, folder / path.name)
        if with_a_bad_one:
            last = max(folder.iterdir())
            lines = last.read_bytes().splitlines(keepends=True)
            last.unlink()
            last.write_bytes(b"".join([*lines[: len(lines) // 2], b'{"id": 1, "time', *lines[len(lines) // 2 :]]))
        return sorted(str(path) for path in folder.iterdir())

    def _new_session(self) -> Any:
        """A session that Iceberg's source finds in this thread: it asks for the active one."""
        session: Any = self.spark.newSession()
        session._jvm.org.apache.spark.sql.classic.SparkSession.setActiveSession(session._jsparkSession)
        return session

    async def plain(self, paths: list[str]) -> float:
        return await asyncio.to_thread(self._plain, paths)

    def _plain(self, paths: list[str]) -> float:
        session = self._new_session()
        began = time.perf_counter()
        session.read.schema(SCHEMA).json(paths).writeTo(f"{CATALOG}.{self._tables['plain']}").append()
        return time.perf_counter() - began

    async def tuned(self, paths: list[str]) -> float:
        return await asyncio.to_thread(self._tuned, paths)

    def _tuned(self, paths: list[str]) -> float:
        session = self._new_session()
        began = time.perf_counter()
        mean = sum(os.path.getsize(path) for path in paths) / len(paths)
        session.conf.set("spark.sql.sources.parallelPartitionDiscovery.threshold", len(paths) + 1)
        session.conf.set("spark.sql.files.openCostInBytes", int(min(max(mean / 2, 64 * 1024), 4 * 1024**2)))
        frame = session.read.schema(SCHEMA).json(paths)
        frame.write.format("iceberg").mode("append").save(f"{CATALOG}.{self._tables['tuned']}")
        return time.perf_counter() - began

    async def autoloader(self, paths: list[str]) -> float:
        return await self.run("autoloader", files=len(paths))

    async def full(self, paths: list[str]) -> float:
        return await self.run("full", files=len(paths))

    async def off(self, paths: list[str]) -> float:
        return await self.run("off", files=len(paths))

    async def run(self, name: str, *, files: int, failed: int = 0) -> float:
        """Seconds of a run, from RunIngestion to its rest."""
        began = time.perf_counter()
        run = await self._ingestions.RunIngestion(ingestions_pb2.RunIngestionRequest(name=self._named[name]))
        seen = [each async for each in self._runs.WatchRun(runs_pb2.WatchRunRequest(name=run.name))]
        seconds = time.perf_counter() - began
        assert (seen[-1].files_processed, seen[-1].files_failed) == (files, failed), seen[-1]
        return seconds

    def rows_and_files(self, name: str) -> tuple[int, int]:
        """Rows and data files of a contender's table."""
        row = self.spark.sql(
            f"SELECT sum(record_count) AS rows, count(*) AS files FROM {CATALOG}.{self._tables[name]}.files"
        ).collect()[0]
        return row["rows"], row["files"]


def _record(number: int) -> dict[str, object]:
    return {
        "id": number,
        "timestamp": f"2026-11-24T12:{number // 60 % 60:02}:{number % 60:02}Z",
        "user_id": f"user-{number % 100}",
        "event_type": EVENT_TYPES[number % 4],
        "value": number * 10.5,
    }


async def measure(bench: Bench, workload: Workload, *, rounds: int) -> None:
    await bench.prepare(workload)
    everybody: dict[str, Callable[[list[str]], Awaitable[float]]] = {
        "plain": bench.plain,
        "tuned": bench.tuned,
        "autoloader": bench.autoloader,
        "full": bench.full,
        "off": bench.off,
    }
    contenders = {name: everybody[name] for name in workload.contenders}
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for round_number in range(WARM_ROUNDS + rounds):
        paths = bench.arrive(round_number)
        for name, contender in contenders.items():
            seconds[name].append(await contender(paths))
    medians = {name: statistics.median(taken[WARM_ROUNDS:]) for name, taken in seconds.items()}
    print(f"{workload.name}, median of {rounds}:")
    for name, median in medians.items():
        rows, files = await asyncio.to_thread(bench.rows_and_files, name)
        assert rows == workload.files * workload.rows * (WARM_ROUNDS + rounds)
        rate = workload.files * workload.rows / median
        print(f"  {name:10} {median:7.3f} s  {rate:11,.0f} rows/s  {files / (WARM_ROUNDS + rounds):.0f} files a round")
    ours = medians.pop("autoloader")
    ratios = ", ".join(f"{median / ours:.2f}x {name}" for name, median in medians.items())
    print(f"  autoloader runs at {ratios}", flush=True)


async def measure_nothing_new(bench: Bench, *, rounds: int) -> None:
    folder = await bench.prepare_empty_files(KNOWN_FILES)
    runs, listings = [], []
    for _ in range(rounds):
        runs.append(await bench.run("autoloader", files=0))
        began = time.perf_counter()
        async for _ in open_source(SourceSpec(uri=f"file://{folder}")).list():
            pass
        listings.append(time.perf_counter() - began)
    print(
        f"nothing new over {KNOWN_FILES:,} known files, median of {rounds}: {statistics.median(runs):.3f} s,"
        f" of which the listing alone takes {statistics.median(listings):.3f} s",
        flush=True,
    )


async def measure_one_bad(bench: Bench, *, rounds: int) -> None:
    await bench.prepare(Workload(ONE_BAD, 1_000, 1_000, contenders=("autoloader",)))
    good, bad = [], []
    for number in range(WARM_ROUNDS + rounds):
        bench.arrive(2 * number)
        good.append(await bench.run("autoloader", files=1_000))
        bench.arrive(2 * number + 1, with_a_bad_one=True)
        bad.append(await bench.run("autoloader", files=999, failed=1))
    without, with_it = statistics.median(good[WARM_ROUNDS:]), statistics.median(bad[WARM_ROUNDS:])
    print(
        f"{ONE_BAD}, median of {rounds}: {with_it:.3f} s, {with_it / without:.2f}x the {without:.3f} s without",
        flush=True,
    )


@contextlib.asynccontextmanager
async def running_bench(folder: Path) -> AsyncIterator[Bench]:
    """The whole system in this process: an App, and an executor with one worker."""
    warehouse = Warehouse(folder)
    loader = SparkLoader(
        SparkSettings(
            conf=warehouse.spark_conf() | {"spark.driver.memory": "4g"},
            data_folder=_jars_folder(),
            default_catalog=CATALOG,
        )
    )
    async with running_postgres() as server, server.database() as url:
        make_key(folder / "key")
        settings = Settings(
            database_url=SecretStr(url),
            sealing_key_file=folder / "key",
            listen="127.0.0.1:0",
            metrics_listen="off",
            allowed_local_folders=frozenset({folder}),
        )
        async with App(settings) as app, open_channel(app.address) as channel:
            await asyncio.to_thread(loader.warm)
            keys = KeyRing(variables=frozenset())
            client = LeaseClient(channel, executor="bench", pool="default", keys=keys, caller=Caller())
            draining = asyncio.Event()
            worker = Worker(client=client, loader=loader, metrics=Metrics(), draining=draining)
            working = asyncio.create_task(worker.run())
            async with grpc.aio.insecure_channel(app.address) as caller:
                yield Bench(caller, folder)
            draining.set()
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
    await asyncio.to_thread(loader.close)


def _jars_folder() -> Path:
    return Path(os.environ.get("AUTOLOADER_TEST_JARS", Path.home() / ".autoloader" / "executor"))


async def main(*, rounds: int, only: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with running_bench(Path(folder)) as bench:
            for workload in WORKLOADS:
                if only in workload.name:
                    await measure(bench, workload, rounds=rounds)
            if only in ONE_BAD:
                await measure_one_bad(bench, rounds=rounds)
            if only in NOTHING_NEW:
                await measure_nothing_new(bench, rounds=rounds)
    print(f"largest resident size of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="")
    sys.exit(asyncio.run(main(**vars(parser.parse_args()))))
