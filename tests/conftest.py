"""Applies what the package of the tests sets for the process, before any test module is imported."""

import tests  # noqa: F401
