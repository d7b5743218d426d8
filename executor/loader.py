"""Loads and publishes on Spark, which it starts when first needed, and again after its JVM died."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import structlog
from pyspark import SparkContext
from pyspark.sql import SparkSession

from executor import load, preview, publish, spark
from executor.errors import AttemptFailed, StartRefused, attempt_failed
from executor.lease import Category, LoadWork, PublishWork, StageResult
from executor.previewed import Preview, PreviewWork
from executor.publish import InDoubt, NotPublished, Published
from executor.schema.words import Evolve
from executor.spark import Sessions, SparkSettings

log = structlog.get_logger()


class SparkLoader:
    """For several threads at once. Raises AttemptFailed, retryable, when Spark is not there."""

    def __init__(self, settings: SparkSettings) -> None:
        self._settings = settings
        self._sessions: Sessions | None = None
        self._lock = threading.Lock()

    def warm(self) -> None:
        """Starts Spark ahead of the first lease. A failure is logged; that lease will tell it."""
        with suppress(AttemptFailed):
            self._started()

    def close(self) -> None:
        with self._lock:
            if self._sessions is not None:
                spark.stop(self._sessions)
                self._sessions = None

    def stage(
        self,
        work: LoadWork,
        *,
        run: str,
        lease_id: str,
        attempt: str,
        evolve: Evolve,
        check_held: Callable[[], None],
        phase: Callable[[str], None],
    ) -> StageResult:
        phase("start")
        with self._living_sessions() as sessions:
            return load.stage(
                work,
                sessions=sessions,
                run=run,
                lease_id=lease_id,
                attempt=attempt,
                evolve=evolve,
                check_held=check_held,
                phase=phase,
            )

    def publish(
        self, work: PublishWork, *, ingestion: str, lease_id: str, check_held: Callable[[], None]
    ) -> Published | NotPublished | InDoubt:
        with self._living_sessions() as sessions:
            return publish.publish(
                work, sessions=sessions, ingestion=ingestion, lease_id=lease_id, check_held=check_held
            )

    def keep_for_person(self, work: PublishWork, *, lease_id: str) -> None:
        with self._living_sessions() as sessions:
            publish.keep_for_person(work, sessions=sessions, lease_id=lease_id)

    def drop_branches(self, table: str, names: Sequence[str]) -> None:
        with self._living_sessions() as sessions:
            publish.drop_branches(table, names, sessions=sessions)

    def preview(self, work: PreviewWork, *, check_held: Callable[[], None]) -> Preview:
        with self._living_sessions() as sessions:
            return preview.preview(work, sessions=sessions, check_held=check_held)

    @contextmanager
    def _living_sessions(self) -> Iterator[Sessions]:
        """After a failure, looks whether Spark still answers; if not, the next call starts it."""
        sessions = self._started()
        try:
            yield sessions
        except Exception as error:
            if _answers(sessions):
                raise
            self._forget(sessions)
            raise _spark_lost("Spark ended while it worked on the lease.", error) from error

    def _started(self) -> Sessions:
        with self._lock:
            if self._sessions is None:
                self._sessions = self._start()
            return self._sessions

    def _start(self) -> Sessions:
        try:
            sessions = spark.start(self._settings)
        except StartRefused as error:
            log.error("spark_refused", reason=str(error))
            raise _spark_unavailable(f"Spark does not start on the executor: {error}", error) from error
        except Exception as error:
            log.exception("spark_did_not_start")
            raise _spark_unavailable("Spark does not start on the executor.", error) from error
        log.info("spark_started", master=self._settings.master)
        return sessions

    def _forget(self, sessions: Sessions) -> None:
        with self._lock:
            if self._sessions is sessions:
                log.error("spark_died")
                self._sessions = None
                with suppress(Exception):
                    spark.stop(sessions)
                _forget_dead_jvm()


def _answers(sessions: Sessions) -> bool:
    try:
        sessions.publisher.sql("SELECT 1").collect()
    except Exception:
        return False
    return True


def _forget_dead_jvm() -> None:
    """PySpark keeps its JVM for the life of the process, and has no word for one that died."""
    if SparkContext._gateway is not None:
        SparkContext._gateway.shutdown()
    SparkContext._gateway = SparkContext._jvm = SparkContext._active_spark_context = None
    SparkSession._instantiatedSession = None


def _spark_lost(message: str, error: Exception) -> AttemptFailed:
    """Of which the files may be the cause."""
    return _failed(Category.EXECUTOR_LOST, message, error)


def _spark_unavailable(message: str, error: Exception) -> AttemptFailed:
    """Before it saw a file."""
    return _failed(Category.SPARK_UNAVAILABLE, message, error)


def _failed(category: Category, message: str, error: Exception) -> AttemptFailed:
    return attempt_failed(category, message, retryable=True, cause=f"{type(error).__name__}: {error}")
