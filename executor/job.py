"""What the staging of one lease has at hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pyspark.sql import SparkSession

from executor.lease import LoadWork, OnBadRecord
from executor.paths import Address
from executor.readers.reader import Layout, Reader
from executor.roster import Roster
from executor.sample import Sample
from executor.schema.words import Column
from executor.storage import Store
from executor.table import TableName


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A lease's work with the session, the store and the columns to do it with.

    `time_us` is when the attempt began, in microseconds since the epoch.
    """

    work: LoadWork
    run: str
    lease_id: str
    attempt: str
    time_us: int
    columns: tuple[Column, ...]
    table: TableName
    spark: SparkSession
    roster: Roster
    sample: Sample
    reader: Reader
    layouts: Mapping[int, Layout]
    store: Store
    address: Address
    check_held: Callable[[], None]
    phase: Callable[[str], None]
    make_durable: Callable[[], None]

    @property
    def ingestion(self) -> str:
        """The id of the ingestion, out of `ingestions/{ingestion}/runs/{run}`."""
        return self.run.split("/")[1]

    @property
    def keeps_aside(self) -> bool:
        """Whether records that cannot be read are kept in a table of their own."""
        return self.work.on_bad_record is OnBadRecord.KEEP_ASIDE

    def path(self, index: int) -> str:
        """The path of a file as Spark is told it."""
        return self.address.path(self.work.files[index].uri)

    def branch(self, number: int) -> str:
        """The private branch of this attempt's round."""
        suffix = f"_{number}" if number > 1 else ""
        return f"al_{self.attempt.replace('-', '')}{suffix}"
