"""Tells a person what is wrong with a file whose rows cannot be read."""

from __future__ import annotations

import json

from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from executor.job import Job
from executor.lease import Category, Column, Failure
from executor.sample import decompressed
from executor.schema.infer import infer
from executor.storage import FileTrouble

_SCAN_BYTES = 16 << 20
_QUOTED_CHARACTERS_MAX = 200
_REJECTED = "__autoloader_rejected"


def malformed(job: Job, index: int, schema: StructType, *, rejected: int, total: int, explain: bool) -> Failure:
    """The failure of a file with `rejected` bad records of `total`; explaining costs a small read."""
    text = _first_rejected(job, index, schema) if explain else None
    return malformed_text(job, index, text or "", rejected=rejected, total=total)


def malformed_text(job: Job, index: int, text: str, *, rejected: int, total: int) -> Failure:
    """The same where a bad record's text is known; empty if it is not."""
    message = f"{rejected:,} of {total:,} records cannot be read."
    if text:
        where = _line_number(job, index, text)
        place = f"The first is line {where}" if where else "One of them is this"
        message += f" {place}: {_reason(text, job.columns)}."
    return Failure(
        category=Category.DATA_MALFORMED,
        message=message + " Nothing of the file was loaded.",
        cause=text[:_QUOTED_CHARACTERS_MAX],
    )


def _first_rejected(job: Job, index: int, schema: StructType) -> str | None:
    rows = job.reader.read(
        job.spark,
        [job.address.path(job.work.files[index].uri)],
        schema=schema,
        rejected=_REJECTED,
        options=job.address.options,
    )
    found = rows.where(F.col(_REJECTED).isNotNull()).limit(1).collect()
    return found[0][_REJECTED] if found else None


def _line_number(job: Job, index: int, text: str) -> int | None:
    """Number of the line with this text, if it is near the start of the file."""
    file = job.work.files[index]
    try:
        head, _ = decompressed(file, job.store.head(file, _SCAN_BYTES), _SCAN_BYTES)
    except FileTrouble:
        return None
    for number, line in enumerate(head.splitlines(), start=1):
        if line.decode(errors="replace").strip() == text.strip():
            return number
    return None


def _reason(text: str, columns: tuple[Column, ...]) -> str:
    try:
        record = json.loads(text)
    except json.JSONDecodeError as error:
        return f"it is not JSON ({error.msg} at character {error.pos + 1})"
    except (ValueError, RecursionError):
        return "it has a number too long, or is nested too deeply"
    if not isinstance(record, dict):
        return "it is not an object"
    seen = {column.name: column.type for column in infer([record])}
    misfits = [
        f"`{column.name}` is {column.type}, here {seen[column.name]}"
        for column in columns
        if record.get(column.name) is not None and seen.get(column.name, column.type) != column.type
    ]
    return "a value does not fit its column: " + "; ".join(misfits or ["its text is not UTF-8"])
