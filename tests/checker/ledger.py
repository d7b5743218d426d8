"""Reads the ledger over the API, page by page, into plain data."""

from __future__ import annotations

from dataclasses import dataclass

from autoloader.v1 import files_pb2, runs_pb2

from tests.e2e.client import CALL_SECONDS, Client

_PAGE_SIZE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFile:
    """A version of a file; `state` is the enum's name without its prefix, such as `PROCESSED`."""

    name: str
    uri: str
    state: str
    generation: int = 1
    size_bytes: int = 0
    records_written: int = 0
    snapshot_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRun:
    """A run; `state` is the enum's name without its prefix."""

    name: str
    state: str
    files_remaining: int = 0
    records_written: int = 0
    snapshot_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What SummarizeFiles says of one state."""

    state: str
    file_count: int
    records_written: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What the ledger says of an ingestion: its files as discovered, its runs newest first."""

    ingestion: str
    files: tuple[LedgerFile, ...] = ()
    runs: tuple[LedgerRun, ...] = ()
    summaries: tuple[Summary, ...] = ()


async def read_ledger(client: Client, ingestion: str) -> Ledger:
    return Ledger(
        ingestion=ingestion,
        files=await _files(client, ingestion),
        runs=await _runs(client, ingestion),
        summaries=await _summaries(client, ingestion),
    )


async def _files(client: Client, ingestion: str) -> tuple[LedgerFile, ...]:
    found: list[LedgerFile] = []
    request = files_pb2.ListFilesRequest(parent=ingestion, page_size=_PAGE_SIZE)
    while True:
        answer = await client.files.ListFiles(request, timeout=CALL_SECONDS)
        found.extend(map(_file, answer.files))
        if not answer.next_page_token:
            return tuple(found)
        request.page_token = answer.next_page_token


async def _runs(client: Client, ingestion: str) -> tuple[LedgerRun, ...]:
    found: list[LedgerRun] = []
    request = runs_pb2.ListRunsRequest(parent=ingestion, page_size=_PAGE_SIZE)
    while True:
        answer = await client.runs.ListRuns(request, timeout=CALL_SECONDS)
        found.extend(map(_run, answer.runs))
        if not answer.next_page_token:
            return tuple(found)
        request.page_token = answer.next_page_token


async def _summaries(client: Client, ingestion: str) -> tuple[Summary, ...]:
    request = files_pb2.SummarizeFilesRequest(parent=ingestion)
    answer = await client.files.SummarizeFiles(request, timeout=CALL_SECONDS)
    return tuple(
        Summary(
            state=_file_state(each.state),
            file_count=each.file_count,
            records_written=each.records_written,
        )
        for each in answer.summaries
    )


def _file(message: files_pb2.File) -> LedgerFile:
    return LedgerFile(
        name=message.name,
        uri=message.uri,
        state=_file_state(message.state),
        generation=message.generation,
        size_bytes=message.size_bytes,
        records_written=message.records_written,
        snapshot_id=message.snapshot_id,
    )


def _file_state(state: files_pb2.File.State.ValueType) -> str:
    return files_pb2.File.State.Name(state).removeprefix("STATE_")


def _run(message: runs_pb2.Run) -> LedgerRun:
    return LedgerRun(
        name=message.name,
        state=runs_pb2.Run.State.Name(message.state).removeprefix("STATE_"),
        files_remaining=message.files_remaining,
        records_written=message.records_written,
        snapshot_ids=tuple(message.snapshot_ids),
    )
