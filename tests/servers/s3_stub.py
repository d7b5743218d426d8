"""An S3 server that answers what a test tells it to, for what no real server does on demand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, urlsplit
from xml.sax.saxutils import escape

Query = dict[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the stub sends: a status and a body."""

    body: bytes
    status: int = 200


def listing(keys: Sequence[str], *, next_token: str = "", is_truncated: bool | None = None) -> Answer:
    """Writes an answer of ListObjectsV2 as AWS does."""
    truncated = bool(next_token) if is_truncated is None else is_truncated
    contents = "".join(
        f"<Contents><Key>{escape(quote(key, safe='/'))}</Key>"
        "<LastModified>2026-11-01T10:20:30.000Z</LastModified>"
        "<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag>"
        "<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>"
        f"<Size>{1_000 + number}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        for number, key in enumerate(keys)
    )
    token = f"<NextContinuationToken>{next_token}</NextContinuationToken>" if next_token else ""
    return Answer(
        (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>bucket</Name><Prefix></Prefix>{token}<KeyCount>{len(keys)}</KeyCount>"
            f"<MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType>"
            f"<IsTruncated>{str(truncated).lower()}</IsTruncated>{contents}</ListBucketResult>"
        ).encode()
    )


def refusal(status: int, code: str, *, message: str = "No.") -> Answer:
    """Writes an error as AWS does."""
    return Answer(f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode(), status)


@contextmanager
def running_stub(answer: Callable[[Query], Answer]) -> Iterator[str]:
    """Runs a server on a free port that answers each GET by its query; gives its endpoint."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
            reply = answer({name: values[0] for name, values in query.items()})
            self.send_response(reply.status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
