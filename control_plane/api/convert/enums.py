"""Enums: on the wire with their prefix, in the domain without."""

from __future__ import annotations

from google.protobuf.descriptor import EnumDescriptor


def enum_name(kind: EnumDescriptor, prefix: str, number: int) -> str | None:
    """Gives the name of a number that a caller sent; None when it is unspecified or unknown."""
    value = kind.values_by_number.get(number)
    return None if value is None or number == 0 else str(value.name).removeprefix(prefix)
