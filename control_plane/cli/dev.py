"""`autoloader dev`: the whole of Autoloader on this machine, kept running."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Annotated

import typer

from control_plane.cli.data_folder import DEFAULT_DATA, DataOption
from control_plane.embedded.ports import Ports

if TYPE_CHECKING:
    from control_plane.embedded.machine import Machine

DEFAULT_PORTS = Ports(grpc=50051, metrics=9464, executor_metrics=9465)


def dev(
    data: DataOption = DEFAULT_DATA,
    port: Annotated[int, typer.Option(help="Port of gRPC.")] = DEFAULT_PORTS.grpc,
    metrics_port: Annotated[
        int, typer.Option(help="Port of the control plane's /metrics; 0: none.")
    ] = DEFAULT_PORTS.metrics,
    executor_metrics_port: Annotated[
        int, typer.Option(help="Port of the executor's /metrics; 0: none.")
    ] = DEFAULT_PORTS.executor_metrics,
) -> None:
    """Runs a control plane and an executor on this machine until Ctrl-C."""
    # Takes a second, which those who only talk to a server should not wait for.
    from control_plane.cli.on_machine import on_machine

    ports = Ports(grpc=port, metrics=metrics_port, executor_metrics=executor_metrics_port)
    on_machine(data, lambda machine: _stay(machine, ports), ports=ports)


async def _stay(machine: Machine, ports: Ports) -> None:
    typer.echo(f"gRPC     {machine.address}")
    for address in ports.metrics_addresses:
        typer.echo(f"metrics  http://{address}/metrics")
    typer.echo(f"logs     {machine.folder}/*.log")
    for line in hints(machine.address, "-"):
        typer.echo(f"try      {line}")
    typer.echo("Ctrl-C ends it.")
    await _interrupted()


async def _interrupted() -> None:
    """Returns at the first Ctrl-C or SIGTERM; a second one acts as usual."""
    loop, interrupted = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted.set)
    await interrupted.wait()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.remove_signal_handler(number)


def hints(address: str, ingestion: str) -> list[str]:
    """Calls that show something on a machine that runs."""
    parent = f'{{"parent": "ingestions/{ingestion}"}}'
    return [
        f"grpcurl -plaintext {address} list autoloader.v1.IngestionService",
        f"grpcurl -plaintext -d '{parent}' {address} autoloader.v1.RunService/ListRuns",
        f"buf curl --protocol grpc --http2-prior-knowledge -d '{parent}' "
        f"http://{address}/autoloader.v1.RunService/ListRuns",
        "autoloader runs list",
    ]
