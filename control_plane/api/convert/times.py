"""Times as protobuf has them."""

from __future__ import annotations

from datetime import datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp


def timestamp(time: datetime | None) -> Timestamp | None:
    """None stays unset when a message is built with it."""
    if time is None:
        return None
    result = Timestamp()
    result.FromDatetime(time)
    return result


def timestamp_of_ns(nanoseconds: int) -> Timestamp:
    """Takes nanoseconds since 1970."""
    seconds, nanos = divmod(nanoseconds, 1_000_000_000)
    return Timestamp(seconds=seconds, nanos=nanos)


def duration(seconds: float) -> Duration:
    result = Duration()
    result.FromTimedelta(timedelta(seconds=seconds))
    return result
