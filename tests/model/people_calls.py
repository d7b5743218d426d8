"""What people ask of the ledger."""

from __future__ import annotations

from typing import TypedDict

from control_plane.domain.filter import EVERYTHING
from control_plane.domain.lease import Resolution
from control_plane.domain.run import Trigger
from control_plane.ledger import leases, publications, requests, rulings, runs
from control_plane.ledger.database import Connection
from tests.model import expected_files, expected_publications
from tests.model.facts import FileKey
from tests.model.ground import TENANT, Ground
from tests.model.machine import Fate, Machine, Tally


class _Key(TypedDict):
    tenant: str
    method: str
    request_id: str
    payload_hash: bytes


class PeopleCalls(Machine):
    """RunIngestion, CancelRun, RetryFiles, SkipFiles and ResolvePublish."""

    def __init__(self, ground: Ground, tally: Tally) -> None:
        super().__init__(ground, tally)
        self.replies: dict[str, int] = {}

    def open_run(self, request: int, fate: Fate) -> None:
        """As RunIngestion does: the effect and the reply in one transaction, when the call has a request id."""
        request_id = f"r{request}" if request else ""

        async def work(connection: Connection) -> int:
            if request_id and (earlier := await requests.reply(connection, **_key(request_id))):
                return int(earlier)
            run = await runs.open_run(connection, self.stored, trigger=Trigger.MANUAL)
            if request_id:
                await requests.store(connection, **_key(request_id), response=str(run.run_id).encode())
            return run.run_id

        def expected(answer: object) -> object:
            if request_id in self.replies:
                return self.replies[request_id]
            opened = expected_files.open_run(self.book, answer if isinstance(answer, int) else 0)
            if request_id and isinstance(opened, int):
                self.replies[request_id] = opened
            return opened

        self.call(work, expected, fate=fate)

    def cancel(self, choice: int, fate: Fate) -> None:
        run_id = (choice and self.book.active_run()) or min(self.book.facts.runs)

        async def work(connection: Connection) -> None:
            await leases.cancel_run(connection, TENANT, "orders", run_id)

        self.call(work, lambda _: expected_files.cancel(self.book, run_id), fate=fate)

    def retry(self, choice: int, named: bool, skipped: bool, fate: Fate) -> None:
        key = self._among(choice, "FAILED", "MISSING", "SKIPPED") if named else None

        async def work(connection: Connection) -> int:
            chosen = [await self._file_id(connection, key)] if key else []
            return await rulings.retry(connection, self.stored, file_ids=chosen, filter=EVERYTHING, skipped=skipped)

        self.call(work, lambda _: expected_files.retry(self.book, key, skipped=skipped), fate=fate)

    def skip(self, choice: int, named: bool, fate: Fate) -> None:
        key = self._among(choice, "PENDING", "FAILED", "MISSING") if named else None

        async def work(connection: Connection) -> int:
            chosen = [await self._file_id(connection, key)] if key else []
            return await rulings.skip(
                connection, self.stored, file_ids=chosen, filter=EVERYTHING, message="A person ruled this file out."
            )

        self.call(work, lambda _: expected_files.skip(self.book, key), fate=fate)

    def resolve(self, choice: int, resolution: Resolution, fate: Fate) -> None:
        """Says what a person found out of a lease in doubt, or of any other."""
        doubted = [key for key, lease in self.book.facts.leases.items() if lease.state == "IN_DOUBT"]
        among = doubted if doubted and choice else list(self.book.facts.leases)
        lease_id = among[choice % len(among)]

        async def work(connection: Connection) -> None:
            run = await runs.get_by_key(connection, self.book.facts.leases[lease_id].run_id)
            await publications.resolve(connection, run, lease_id=lease_id, resolution=resolution, snapshot_id=83)

        self.call(
            work,
            lambda _: expected_publications.resolve(self.book, lease_id, resolution, snapshot_id=83),
            fate=fate,
        )

    def _among(self, choice: int, *states: str) -> FileKey:
        """A file in one of these states, the latest versions first, or any."""
        keys = sorted(self.book.facts.files, key=lambda key: -key[1])
        fitting = [key for key in keys if self.book.facts.files[key].state in states]
        among = fitting if fitting and choice % 2 else keys
        return among[choice // 2 % len(among)]

    async def _file_id(self, connection: Connection, key: FileKey) -> int:
        found = await connection.exec_driver_sql("SELECT file_id FROM files WHERE uri = $1 AND generation = $2", key)
        return int(found.scalar_one())


def _key(request_id: str) -> _Key:
    return {"tenant": TENANT, "method": "RunIngestion", "request_id": request_id, "payload_hash": b"same"}
