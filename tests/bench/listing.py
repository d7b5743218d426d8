"""Measures what listing a bucket costs: CPU an object and memory, against a server of canned pages.

Run as `python -m tests.bench.listing [pages]`; a page has 1,000 objects.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

from control_plane.sources.registry import open_source
from control_plane.sources.source import SourceSpec
from tests.servers.s3_stub import Answer, Query, listing, running_stub

PAGES_DEFAULT = 200


def main(pages: int) -> None:
    """Lists that many pages and writes what it cost."""
    with canned_pages(pages) as endpoint:
        spec = SourceSpec(
            uri="s3://bucket/data",
            pattern="**/*.json",
            exclude=("**/_tmp/**",),
            endpoint=endpoint,
            access_key_id="key",
            secret_access_key="secret",
        )
        started = time.process_time()
        files = asyncio.run(count(spec))
        seconds = time.process_time() - started
    memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    sys.stdout.write(f"{files} files, {seconds / files * 1e6:.1f} µs CPU a file, {memory_mib} MiB at most\n")


async def count(spec: SourceSpec) -> int:
    return sum([len(page.files) async for page in open_source(spec).list()])


@contextmanager
def canned_pages(pages: int) -> Iterator[str]:
    """Serves the pages from a process of its own, whose time does not count."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(pages, theirs))
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _serve(pages: int, connection: Connection) -> None:
    keys = [f"data/2026/11/01/PAGE-events-{number:06}-abcdef0123456789.json" for number in range(1_000)]
    page = listing(keys, next_token="NEXT").body
    last = listing(keys).body

    def answer(query: Query) -> Answer:
        number = int(query.get("continuation-token", "0"))
        body = page.replace(b"NEXT", b"%d" % (number + 1)) if number + 1 < pages else last
        return Answer(body.replace(b"PAGE", b"%06d" % number))

    with running_stub(answer) as endpoint:
        connection.send(endpoint)
        threading.Event().wait()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else PAGES_DEFAULT)
