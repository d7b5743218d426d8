"""What of the control plane changes the ledger, by what its protos and its code say: nobody keeps a list."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import autoloader.v1

import control_plane.loops
from control_plane.loops.loop import Loop

# How the names of methods begin that only read; any other may change the ledger.
READS = ("Get", "List", "Summarize", "Watch", "Explain", "Check")


def mutating_methods() -> set[str]:
    """The names of the RPCs, of all services, that may change the ledger."""
    return {
        method.name
        for module in _modules_of(autoloader.v1)
        if module.__name__.endswith("_pb2")
        for service in module.DESCRIPTOR.services_by_name.values()
        for method in service.methods
        if not method.name.startswith(READS)
    }


def loops() -> set[str]:
    """The names of the loops, as their points have them."""
    return {
        kind.__name__.lower()
        for module in _modules_of(control_plane.loops)
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Loop) and not inspect.isabstract(kind)
    }


def _modules_of(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.iter_modules(package.__path__):
        yield importlib.import_module(f"{package.__name__}.{found.name}")
