"""Numbers records in the order in which a task reads them."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

# Spark puts the number of the task above.
_RECORDS_OF_A_TASK = 1 << 33


def number_in_task() -> Column:
    """From 1; of a file that a task reads alone, the numbers of its records."""
    return F.monotonically_increasing_id() % _RECORDS_OF_A_TASK + 1
