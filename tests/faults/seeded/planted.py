"""Runs an executor with a bug planted in it, and its points in a test's hand: `python -m ... executor`."""

from __future__ import annotations

import os
import runpy

import pytest

from tests.faults.seeded.bugs_of_leases import BUGS_OF_LEASES
from tests.faults.seeded.bugs_of_tables import BUGS_OF_TABLES

BUG_VARIABLE = "SEEDED_BUG"

if __name__ == "__main__":
    for plant in (BUGS_OF_TABLES | BUGS_OF_LEASES)[os.environ[BUG_VARIABLE]]:
        plant(pytest.MonkeyPatch())
    runpy.run_module("tests.faults.armed", run_name="__main__", alter_sys=True)
