"""Formats: how the files of each become rows."""
