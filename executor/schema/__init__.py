"""Columns: guessed from records, fitted to tables."""
