"""The two services as real processes, which tests start, stop, kill, freeze and start again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from control_plane.embedded.tether import watched
from control_plane.vault import make_key
from tests.environment import without_spark

START_SECONDS = 180.0
STOP_SECONDS = 60.0
LOG_TAIL_BYTES = 6_000


class Service:
    """A process in a group of its own, with its log in a file. It ends when the tests end, however they do."""

    def __init__(self, name: str, *, command: Sequence[str], settings: Mapping[str, str], log: Path) -> None:
        self.name = name
        self._command = command
        self._settings = dict(settings)
        self._log = log
        self._process: Process | None = None
        self._tether = contextlib.ExitStack()

    def run_under(self, module: str, **settings: str) -> None:
        """From its next start on this module runs it, and is told what to run."""
        python, _, *what = self._command
        self._command = [python, "-m", module, *what]
        self._settings |= settings

    async def start(self) -> None:
        with self._log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                env=_untouched_by_tests() | self._settings,
                stdin=PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._tether.enter_context(watched(self._process.pid))

    def kill(self) -> None:
        """Kills it and all that it has started (an executor's JVM), at once."""
        self._signal_group(signal.SIGKILL)

    def ask_to_stop(self) -> None:
        """Does what an operator does."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._running().pid, signal.SIGTERM)

    async def ended(self) -> int:
        """The exit code, once it has ended."""
        async with asyncio.timeout(STOP_SECONDS):
            code = await self._running().wait()
        self._tether.close()
        return code

    def freeze(self) -> None:
        """Stops the process and all that it has started from running, as a long pause does."""
        self._signal_group(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal_group(signal.SIGCONT)

    @property
    def process_id(self) -> int:
        return self._running().pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def events(self) -> list[str]:
        """What it has logged so far, by event name."""
        return [json.loads(line)["event"] for line in self.log_lines() if line.startswith("{")]

    @property
    def log_bytes(self) -> int:
        """How long its log is by now."""
        return self._log.stat().st_size if self._log.exists() else 0

    def log_lines(self, *, after_bytes: int = 0) -> list[str]:
        """What it has logged after so many bytes; a line may be cut off by a kill."""
        with self._log.open("rb") as log:
            log.seek(after_bytes)
            return log.read().decode(errors="replace").splitlines()

    def log_tail(self) -> str:
        state = "runs" if self.is_running else "does not run"
        return f"--- {self.name} ({state})\n{self._log.read_text(errors='replace')[-LOG_TAIL_BYTES:]}"

    def _running(self) -> Process:
        assert self._process is not None, f"{self.name} was not started"
        return self._process

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._running().pid, number)


class ControlPlane(Service):
    """`autoloader serve`, at the same address each time that it is started."""

    def __init__(self, folder: Path, *, database_url: str, local_folders: Sequence[Path], lease_seconds: float) -> None:
        self.address, self.metrics_address = (f"127.0.0.1:{port}" for port in free_ports(2))
        self.database_url = database_url
        key = folder / "sealing.key"
        make_key(key)
        settings = {
            "database_url": database_url,
            "sealing_key_file": str(key),
            "listen": self.address,
            "metrics_listen": self.metrics_address,
            "allowed_local_folders": ",".join(map(str, local_folders)),
            "allow_loopback_endpoints": "true",
            "lease_seconds": str(lease_seconds),
            "poll_seconds": "0.2",
            "retry_first_seconds": "0.2",
            "retry_longest_seconds": "1",
            "log_format": "json",
        }
        super().__init__(
            "control plane",
            command=[sys.executable, "-m", "control_plane", "serve"],
            settings=_variables("AUTOLOADER_", settings),
            log=folder / "control-plane.log",
        )

    async def start(self) -> None:
        """Returns when it says of itself that it serves."""
        await super().start()
        serving = asyncio.create_task(_until_serving(self.address))
        ended = asyncio.create_task(self._running().wait())
        try:
            await asyncio.wait({serving, ended}, timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            assert serving.done(), f"the control plane does not serve:\n{self.log_tail()}"
            await serving
        finally:
            serving.cancel()
            ended.cancel()


class Executor(Service):
    """`python -m executor` on a small Spark of this machine, unless the settings say otherwise."""

    def __init__(
        self,
        folder: Path,
        *,
        name: str,
        control_plane: str,
        spark_conf: Mapping[str, str],
        data_folder: Path,
        **others: str,
    ) -> None:
        (port,) = free_ports(1)
        self.metrics_address = f"127.0.0.1:{port}"
        settings = {
            "name": name,
            "control_plane": control_plane,
            "spark_master": "local[2]",
            "spark_conf": json.dumps({"spark.sql.shuffle.partitions": "2", **spark_conf}),
            "default_catalog": "lake",
            "data_folder": str(data_folder),
            "metrics_port": str(port),
            "warm_start": "true",
            "exit_with_parent": "true",
            "drain_seconds": "60",
            "log_format": "json",
        }
        super().__init__(
            name,
            command=[sys.executable, "-m", "executor"],
            settings=_variables("AUTOLOADER_EXECUTOR_", settings | others),
            log=folder / f"{name}.log",
        )

    async def told(self, *words: str, module: str = "executor") -> tuple[int, str]:
        """The exit code and the report of a command that has this executor's settings."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, *words),
            env=_untouched_by_tests() | self._settings | _variables("AUTOLOADER_EXECUTOR_", {"metrics_port": "0"}),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            start_new_session=True,
        )
        with watched(process.pid):
            report, complaint = await process.communicate()
        return process.returncode or 0, report.decode() + complaint.decode()


def free_ports(count: int) -> list[int]:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


async def _until_serving(address: str) -> None:
    async with grpc.aio.insecure_channel(address, options=[("grpc.max_reconnect_backoff_ms", 200)]) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        async for answer in stub.Watch(health_pb2.HealthCheckRequest(), wait_for_ready=True):
            if answer.status == health_pb2.HealthCheckResponse.SERVING:
                return


def _variables(prefix: str, settings: Mapping[str, str]) -> dict[str, str]:
    return {f"{prefix}{key.upper()}": value for key, value in settings.items()}


def _untouched_by_tests() -> dict[str, str]:
    """What the tests' environment says of the product must not reach its processes."""
    return {name: value for name, value in without_spark().items() if not name.upper().startswith("AUTOLOADER_")}
