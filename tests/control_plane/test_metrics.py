"""The metrics' names, held against what Prometheus asks of names where promtool is installed."""

from __future__ import annotations

import asyncio
import shutil

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from control_plane.api.figures import LedgerFigures
from control_plane.metrics import Metrics
from tests.builders import some_figures


def shown() -> bytes:
    metrics, figures = Metrics(CollectorRegistry()), LedgerFigures()
    metrics.registry.register(figures)
    figures.figures = some_figures()
    metrics.calls_started.labels("unary", "s", "m").inc()
    metrics.calls_handled.labels("unary", "s", "m", "OK").inc()
    metrics.call_seconds.labels("unary", "s", "m").observe(0.1)
    metrics.run_seconds.observe(1)
    metrics.listing_seconds.observe(1)
    return generate_latest(metrics.registry)


def test_the_build_is_shown() -> None:
    assert b'autoloader_build_info{python="3.' in shown()


def test_every_family_has_its_help() -> None:
    lines = shown().decode().splitlines()
    names = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    assert names == {line.split()[2] for line in lines if line.startswith("# HELP") and len(line.split()) > 3}


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
async def test_promtool_finds_nothing_to_say() -> None:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec("promtool", "check", "metrics", stdin=pipe, stdout=pipe, stderr=pipe)
    out, err = await process.communicate(shown())
    assert (process.returncode, out, err) == (0, b"", b"")
