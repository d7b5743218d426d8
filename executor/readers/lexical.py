"""The type that a value in text is written as."""

from __future__ import annotations

import re

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE][+-]?[0-9]+)?")
# What a double keeps of a number's digits, whatever they are.
_DIGITS_MAX = 15


def value_of(text: str, *, null_value: str) -> object:
    """A value of the type that it is written as, where that keeps every digit of it; else its text."""
    if text == null_value:
        return None
    if _INTEGER.fullmatch(text) and text != "-0":
        return int(text)
    if (number := _NUMBER.fullmatch(text)) and len(re.sub(r"[eE].*|\D", "", text)) <= _DIGITS_MAX and number[0] != "-0":
        return float(text)
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    return text
