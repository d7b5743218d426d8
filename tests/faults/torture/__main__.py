"""The command: `python -m tests.faults.torture --minutes 30 [--seed 7] [--replay FILE]`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import secrets
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.faults.torture.cast import gathered
from tests.faults.torture.plan import Plan, plan_of, read_plan
from tests.faults.torture.play import play
from tests.faults.torture.report import Report

JARS_VARIABLE = "AUTOLOADER_TEST_JARS"


def main() -> int:
    """0 when nothing was lost, duplicated or mismatched, and the checker has no findings; else the logs are kept."""
    # It warns at each write to one who was killed.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    arguments = _parser().parse_args()
    plan = _plan(arguments)
    folder = Path(tempfile.mkdtemp(prefix="torture-"))
    folder.chmod(0o711)
    plan.write(folder / "plan.jsonl")
    _say(f"seed {plan.seed}; the plan, the faults that happened and all logs are in {folder}")
    is_clean = False
    try:
        report = asyncio.run(_torture(plan, folder))
        _say(str(report))
        is_clean = report.is_clean
    except (KeyboardInterrupt, asyncio.CancelledError):
        _say("stopped before its end")
    finally:
        if is_clean:
            shutil.rmtree(folder)
        else:
            again = folder / "plan.jsonl"
            _say(f"the logs are kept in {folder}; again: python -m tests.faults.torture --replay {again}")
    return 0 if is_clean else 1


async def _torture(plan: Plan, folder: Path) -> Report:
    torture = asyncio.current_task()
    assert torture is not None
    # Told to stop, it stops all that it has started, as after Ctrl-C.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, torture.cancel)
    jars = Path(os.environ.get(JARS_VARIABLE) or Path.home() / ".cache" / "autoloader-tests")
    async with gathered(folder, jars=jars) as cast:
        return await play(plan, cast, log=folder / "happened.jsonl")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.torture", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="how long faults go on; some more until all rest")
    parser.add_argument("--seed", type=int, help="what everything random comes from; a fresh one unless it is given")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="a plan to repeat, as an earlier torture wrote it")
    return parser


def _plan(arguments: argparse.Namespace) -> Plan:
    if arguments.replay:
        return read_plan(arguments.replay)
    seed = arguments.seed if arguments.seed is not None else secrets.randbelow(1_000_000)
    return plan_of(seed, seconds=arguments.minutes * 60)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
