"""One attempt at one lease: stage, have it decided, publish, complete."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

import structlog

from executor.ending import Ending
from executor.errors import AttemptFailed
from executor.failpoints import failpoint
from executor.heartbeat import Heartbeat, LeaseLost
from executor.lease import Category, Failure, Lease, LoadWork, PublishWork, StageResult
from executor.lease_client import FailedLease, LeaseClient
from executor.metrics import Metrics, PhaseClock
from executor.previewed import PreviewWork
from executor.publish import InDoubt, NotPublished, Published
from executor.schema.words import Change, Column, ColumnsInForce
from executor.spark_work import Loader
from executor.wire import ControlPlaneRefused, LeaseFenced

PUBLISH_TRIALS = 3
# A catalog that hangs must not hold the lease for ever: two publishers at once are harmless.
PUBLISH_SECONDS_MAX = 600.0

NOT_OURS_TO_REPORT = (LeaseLost, LeaseFenced, ControlPlaneRefused)

SNAPSHOT_LOST = Failure(
    category=Category.WRITE_FAILURE,
    message="The staged snapshot went away before it was published; its files are loaded again.",
    retryable=True,
)

log = structlog.get_logger()
Result = TypeVar("Result")


class Attempt:
    def __init__(
        self,
        lease: Lease,
        *,
        client: LeaseClient,
        loader: Loader,
        metrics: Metrics,
        heartbeat: Heartbeat,
        pause_seconds: Callable[[int], float],
    ) -> None:
        self._lease = lease
        self._client = client
        self._loader = loader
        self._metrics = metrics
        self._heartbeat = heartbeat
        self._pause_seconds = pause_seconds

    async def run(self) -> Ending:
        """Raises LeaseLost or LeaseFenced when the lease is not ours any more: it is forgotten."""
        with self._metrics.phases() as phase:
            match self._lease.work:
                case LoadWork() as work:
                    return await self._load(work, phase)
                case PublishWork() as staged:
                    return await self._publish(staged, phase)
                case PreviewWork() as work:
                    return await self._preview(work, phase)

    async def _preview(self, work: PreviewWork, phase: PhaseClock) -> Ending:
        """Reads for somebody who waits, or says why it cannot be read; nothing is decided."""
        phase("preview")
        read = partial(self._loader.preview, work, check_held=self._heartbeat.check_held)
        try:
            seen = await self._in_thread(read, work.load, broken="preview_broke")
        except AttemptFailed as error:
            await self._fail(FailedLease.NOT_STAGED, error.failure)
            return Ending.FAILED
        await self._client.complete_preview(self._lease, seen)
        return Ending.PREVIEWED

    async def _load(self, work: LoadWork, phase: PhaseClock) -> Ending:
        try:
            result = await self._stage(work, phase)
            phase("decide")
            failpoint("executor.before_decision")
            await self._client.stage(self._lease, result)
        except AttemptFailed as error:
            await self._fail(FailedLease.NOT_STAGED, error.failure)
            return Ending.FAILED
        failpoint("executor.after_decision")
        log.info("lease_staged", snapshot=result.staged.staged_snapshot_id)
        ending = await self._publish(result.to_publish, phase)
        if ending is Ending.PUBLISHED:
            self._count_files(work, result)
        return ending

    async def _stage(self, work: LoadWork, phase: PhaseClock) -> StageResult:
        loop = asyncio.get_running_loop()

        def evolve(columns: tuple[Column, ...], base_version: int, shown_by: Mapping[Change, int]) -> ColumnsInForce:
            asking = self._client.evolve_schema(self._lease, columns, base_version=base_version, shown_by=shown_by)
            return asyncio.run_coroutine_threadsafe(asking, loop).result()

        stage = partial(
            self._loader.stage,
            work,
            run=self._lease.run,
            lease_id=self._lease.id,
            attempt=self._lease.attempt,
            evolve=evolve,
            check_held=self._heartbeat.check_held,
            phase=phase,
        )
        return await self._in_thread(stage, work, broken="stage_broke")

    async def _in_thread(self, act: Callable[[], Result], work: LoadWork, *, broken: str) -> Result:
        """What a thread makes of the files. Raises AttemptFailed; what has no words is logged as the event `broken`."""
        try:
            return await asyncio.to_thread(act)
        except (AttemptFailed, *NOT_OURS_TO_REPORT):
            raise
        except Exception as error:
            trace = "".join(traceback.format_exception(error))
            log.error(broken, trace=_without_secrets(trace, work))
            raise AttemptFailed(_unexpected(error, work)) from error

    async def _publish(self, staged: PublishWork, phase: PhaseClock) -> Ending:
        """Publishes, and again after a failure: only the table can say whether it was done."""
        phase("publish")
        failpoint("executor.before_publish")
        for trial in range(PUBLISH_TRIALS):
            self._heartbeat.check_held()
            try:
                async with asyncio.timeout(PUBLISH_SECONDS_MAX):
                    publication = await asyncio.to_thread(
                        self._loader.publish,
                        staged,
                        ingestion=self._lease.ingestion,
                        lease_id=self._lease.id,
                        check_held=self._heartbeat.check_held,
                    )
            except NOT_OURS_TO_REPORT:
                raise
            except TimeoutError:
                log.error("publish_hangs")
                break
            except Exception as error:
                unforeseen = not isinstance(error, AttemptFailed)
                log.warning("publish_failed", reason=str(error), trial=trial, exc_info=unforeseen)
                await asyncio.sleep(self._pause_seconds(trial))
            else:
                phase("complete")
                return await self._conclude(staged, publication)
        await self._client.release(self._lease)
        return Ending.RELEASED

    async def _conclude(self, staged: PublishWork, publication: Published | NotPublished | InDoubt) -> Ending:
        match publication:
            case Published():
                await self._complete(staged, publication)
                return Ending.PUBLISHED
            case NotPublished():
                await self._fail(FailedLease.NOT_PUBLISHED, SNAPSHOT_LOST)
                return Ending.NOT_PUBLISHED
            case InDoubt():
                await self._keep_for_person(staged)
                await self._fail(FailedLease.IN_DOUBT, publication.failure)
                return Ending.IN_DOUBT

    async def _complete(self, staged: PublishWork, published: Published) -> None:
        failpoint("executor.before_complete")
        droppable = await self._client.complete(
            self._lease,
            published_snapshot_id=published.snapshot_id,
            published_rejects_snapshot_id=published.rejects_snapshot_id,
            branches=published.branches,
        )
        failpoint("executor.after_complete")
        log.info("lease_published", snapshot=published.snapshot_id, records=staged.rows.records_added)
        self._metrics.records.inc(staged.rows.records_added)
        self._heartbeat.stop()
        for each in staged.tables if droppable else ():
            await self._in_vain_at_worst(partial(self._loader.drop_branches, each.table, droppable))

    async def _keep_for_person(self, staged: PublishWork) -> None:
        await self._in_vain_at_worst(partial(self._loader.keep_for_person, staged, lease_id=self._lease.id))

    async def _in_vain_at_worst(self, act: Callable[[], None]) -> None:
        """Does what is good to have done, and what nothing depends on."""
        try:
            await asyncio.to_thread(act)
        except Exception:
            log.warning("afterthought_failed", exc_info=True)

    async def _fail(self, outcome: FailedLease, failure: Failure) -> None:
        log.warning(
            "lease_failed",
            outcome=outcome.value,
            category=failure.category.value,
            reason=failure.message,
            cause=failure.cause,
            retryable=failure.retryable,
        )
        await self._client.fail(self._lease, outcome, failure)

    def _count_files(self, work: LoadWork, result: StageResult) -> None:
        unread = {exception.index for exception in result.exceptions}
        loaded = [file for index, file in enumerate(work.files) if index not in unread]
        self._metrics.files.inc(len(loaded))
        self._metrics.bytes.inc(sum(file.size_bytes for file in loaded))


def _unexpected(error: Exception, work: LoadWork) -> Failure:
    return Failure(
        category=Category.UNKNOWN,
        message="The executor failed in a way that it has no words for; its log has the details.",
        cause=_without_secrets(f"{type(error).__name__}: {error}", work),
        # Who knows; the attempts are counted.
        retryable=True,
    )


def _without_secrets(text: str, work: LoadWork) -> str:
    for secret in (work.s3.secret_access_key, work.s3.session_token):
        if secret:
            text = text.replace(secret, "***")
    return text
