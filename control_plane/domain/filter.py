"""A condition of a list's filter, already checked against the fields that the list has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Operator = Literal["=", "!=", "<", ">"]


@dataclass(frozen=True, slots=True)
class Condition:
    """`field operator value`; conditions of one filter are joined by AND. `labels.KEY` names a label."""

    field: str
    operator: Operator
    value: str | int | datetime
