"""Tells a person what is wrong with a file whose rows cannot be read."""

from __future__ import annotations

from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from executor.compression import decompressed
from executor.job import Job
from executor.lease import Category, Failure
from executor.rows import REJECTED, rows_of
from executor.storage import FileTrouble

_SCAN_BYTES = 16 << 20
_QUOTED_CHARACTERS_MAX = 200


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
        types = {column.name: column.type for column in job.columns}
        message += f" {place}: {job.reader.reason(text, types, layout=job.layouts.get(index))}."
    return Failure(
        category=Category.DATA_MALFORMED,
        message=message + " Nothing of the file was loaded.",
        cause=text[:_QUOTED_CHARACTERS_MAX],
    )


def _first_rejected(job: Job, index: int, schema: StructType) -> str | None:
    rows = rows_of(job, [index], schema)
    found = rows.where(F.col(REJECTED).isNotNull()).limit(1).collect()
    return found[0][REJECTED] if found else None


def _line_number(job: Job, index: int, text: str) -> int | None:
    """Number of the line with this text, if it is near the start of the file."""
    file = job.work.files[index]
    try:
        head, _ = decompressed(file.uri, job.store.head(file, _SCAN_BYTES), file.size_bytes, _SCAN_BYTES)
    except (FileTrouble, ValueError):
        return None
    for number, line in enumerate(head.splitlines(), start=1):
        if line.decode(errors="replace").strip() == text.strip():
            return number
    return None
