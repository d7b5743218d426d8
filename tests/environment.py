"""What processes that tests start know of the tests."""

from __future__ import annotations

import os

# Options for the JVMs of Sparks, which whoever runs the tests may have set.
OPTIONS = "SPARK_SUBMIT_OPTS"


def without_spark() -> dict[str, str]:
    """Without what PySpark notes in the environment: others would take a Spark of their own for Spark Connect."""
    return {name: value for name, value in os.environ.items() if name == OPTIONS or not name.startswith("SPARK_")}
