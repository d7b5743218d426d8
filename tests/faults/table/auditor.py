"""Asks the product itself whether a table and the ledger agree: `python -m executor audit`, as an operator does."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Mapping
from dataclasses import dataclass

from tests.environment import without_spark

AUDIT_SECONDS = 240.0


@dataclass(frozen=True, slots=True)
class Audited:
    """`differ` is whether it found differences; `told` is all that it said."""

    differ: bool
    told: str


@dataclass(frozen=True, slots=True)
class Auditor:
    """Finds the tables by the settings of an executor."""

    settings: Mapping[str, str]

    async def audit(self, ingestion: str) -> Audited:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "executor", "audit", ingestion),
            env=without_spark()
            | {f"AUTOLOADER_EXECUTOR_{name.upper()}": value for name, value in self.settings.items()},
            stdout=PIPE,
            stderr=STDOUT,
        )
        try:
            async with asyncio.timeout(AUDIT_SECONDS):
                output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        assert process.returncode in (0, 1), output.decode()
        return Audited(differ=process.returncode == 1, told=output.decode())
