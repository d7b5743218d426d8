"""What keeps a machine from starting, or ends it."""

from __future__ import annotations


class MachineError(Exception):
    """Something on this machine is missing, in the way or has died; the message says what, and what to do."""
