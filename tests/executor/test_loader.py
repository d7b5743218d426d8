"""What is told of a Spark that is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from executor.errors import AttemptFailed
from executor.lease import Category, PublishWork, StagedTable
from executor.loader import SparkLoader
from tests.executor.lake import settings_in


def test_a_spark_that_does_not_start_is_no_executor_that_died_of_its_files(tmp_path: Path) -> None:
    loader = SparkLoader(settings_in(tmp_path, tmp_path, **{"spark.wap.id": "x"}))
    with pytest.raises(AttemptFailed, match="does not start") as told:
        loader.publish(
            PublishWork(rows=StagedTable(table="a.b")), ingestion="orders", lease_id="1", check_held=lambda: None
        )
    assert told.value.failure.category is Category.SPARK_UNAVAILABLE
    assert told.value.failure.retryable
