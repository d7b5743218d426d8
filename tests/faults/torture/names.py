"""The names of those who take part in a torture, as plans use them."""

from __future__ import annotations

CONTROL_PLANES = ["control-plane-1", "control-plane-2"]
EXECUTORS = ["executor-1", "executor-2", "executor-3"]
# Which ingestion loads into which table; two load into the same one.
TABLE_OF = {"orders": "sales", "refunds": "sales", "events": "clicks", "users": "people"}
INGESTIONS = list(TABLE_OF)
# Those that keep bad records aside; the others fail the file.
KEEPS_ASIDE = {"orders", "events"}
TABLES = sorted(set(TABLE_OF.values()))
