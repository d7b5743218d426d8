"""Where a machine listens."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from control_plane.embedded.errors import MachineError

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """0 is any free port for gRPC, and no page for metrics."""

    grpc: int = 0
    metrics: int = 0
    executor_metrics: int = 0

    @property
    def metrics_addresses(self) -> tuple[str, ...]:
        """Where the pages /metrics are."""
        return tuple(f"{HOST}:{port}" for port in (self.metrics, self.executor_metrics) if port)

    def refuse_taken(self) -> None:
        """Raises MachineError when another process listens on one of them."""
        for port in filter(None, (self.grpc, self.metrics, self.executor_metrics)):
            try:
                socket.create_server((HOST, port)).close()
            except OSError as error:
                raise MachineError(f"port {port} cannot be used: {error.strerror}") from None
