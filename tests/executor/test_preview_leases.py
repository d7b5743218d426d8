"""A worker with a preview at hand: it reads, answers, and decides nothing."""

from __future__ import annotations

from autoloader.v1 import errors_pb2, ingestions_pb2, leases_pb2

from executor.errors import attempt_failed
from executor.lease import Category
from executor.lease_client import Granted, LeaseClient
from executor.previewed import PreviewWork
from tests.executor.fake_loader import FakeLoader, working
from tests.executor.lease_service import ScriptedLeaseService, a_lease, a_preview_lease


async def test_it_says_that_it_takes_previews(client: LeaseClient, service: ScriptedLeaseService) -> None:
    service.offer(a_preview_lease())
    granted = await client.acquire("r", wait_seconds=1)
    assert isinstance(granted, Granted)
    assert isinstance(granted.lease.work, PreviewWork)
    assert (granted.lease.work.row_count, len(granted.lease.work.load.files)) == (3, 2)
    (request,) = service.requests("AcquireLease")
    assert list(request.also_takes) == [leases_pb2.FURTHER_WORK_PREVIEW]


async def test_a_preview_is_renewed_read_and_answered_and_the_next_lease_follows(
    client: LeaseClient, service: ScriptedLeaseService
) -> None:
    loader = FakeLoader()
    service.offer(a_preview_lease())
    service.offer(a_lease())
    async with working(client, loader) as running:
        (request,) = await service.heard("CompletePreview")
        assert (request.lease, request.fence, request.attempt) == ("preview-1", 1, "preview-1-attempt-1")
        assert request.preview.rows[0].json == '{"id": 1}'
        await service.heard("CompleteLease")
        await running.drained()
        assert 'autoloader_executor_leases_total{outcome="previewed"} 1.0' in running.page()
    assert service.methods()[:2] == ["RenewLease", "CompletePreview"]
    assert loader.did[0] == "preview 3 of 2"


async def test_what_keeps_it_from_reading_is_told(client: LeaseClient, service: ScriptedLeaseService) -> None:
    failures = iter([attempt_failed(Category.CATALOG_UNAVAILABLE, "away", retryable=True), ValueError("a defect")])

    def fail() -> None:
        raise next(failures)

    service.offer(a_preview_lease())
    service.offer(a_preview_lease())
    async with working(client, FakeLoader(while_previewing=fail)):
        first, second = await service.heard("FailLease", count=2)
    assert first.error.category == errors_pb2.ERROR_CATEGORY_CATALOG_UNAVAILABLE
    assert (second.error.category, "a defect" in second.error.cause) == (errors_pb2.ERROR_CATEGORY_UNKNOWN, True)
    assert not service.requests("CompletePreview")


async def test_keys_that_it_lacks_are_told(client: LeaseClient, service: ScriptedLeaseService) -> None:
    keys = ingestions_pb2.EnvironmentKeys(access_key_id_variable="KEY", secret_access_key_variable="SECRET")
    service.offer(a_preview_lease(credentials=ingestions_pb2.Credentials(environment=keys)))
    async with working(client, FakeLoader()):
        (request,) = await service.heard("FailLease")
    assert request.error.category == errors_pb2.ERROR_CATEGORY_AUTHENTICATION
