"""Names that Spark hides or cannot spell: files that are recorded as skipped, with the rule that
left them out.
"""

from __future__ import annotations

_UNFINISHED_ENDINGS = (
    "._COPYING_",
    ".crc",
    ".tmp",
    ".temp",
    ".partial",
    ".inprogress",
    ".filepart",
    ".crdownload",
    "~",
)
_MARKER_ENDINGS = ("/", "_$folder$")


def why_unsupported(path: str) -> str:
    """Says why an object cannot be loaded under its path (relative, or a whole key); empty when it
    can.
    """
    name = path[path.rfind("/") + 1 :]
    if path.endswith(_MARKER_ENDINGS):
        return "The name is that of a folder marker, which holds no data."
    if name.startswith(("_", ".")):
        return "The name starts with `_` or `.`, which Spark hides as a file of its own housekeeping."
    if name.endswith(_UNFINISHED_ENDINGS):
        return "The name is that of a temporary or checksum file; it waits for its final name."
    if "//" in path or path.startswith("/"):
        return "The path has a folder without a name between two slashes, which Spark drops."
    if "/." in path or path.startswith("."):
        return _why_dotted(path)
    if "\x00" in path:
        return "The name holds a NUL character, which no table can store."
    return ""


def _why_dotted(path: str) -> str:
    if {".", ".."}.isdisjoint(path.split("/")):
        return ""
    return "The path has `.` or `..` for a folder, which Spark resolves to another file."
