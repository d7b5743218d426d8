"""What the client says when there is nobody to talk to."""

from __future__ import annotations

from tests.control_plane.cli.conftest import run
from tests.e2e.services import free_ports


async def test_an_absent_server_is_named_with_what_to_do() -> None:
    (port,) = free_ports(1)
    result = await run("runs", "list", "--server", f"127.0.0.1:{port}")
    assert result.exit_code == 1
    assert f"No server answers at 127.0.0.1:{port}" in result.stderr
    assert "autoloader dev" in result.stderr
