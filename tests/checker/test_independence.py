"""The checker judges the product without any code of it."""

from __future__ import annotations

import subprocess
import sys

IMPORTS = """
import sys, tests.checker.checker, tests.checker.watch, tests.checker.wire
print({name.partition(".")[0] for name in sys.modules} & {"control_plane", "executor", "pyspark"})
"""


def test_the_checker_imports_nothing_of_the_product() -> None:
    imported = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True)

    assert imported.stdout.strip() == "set()"
