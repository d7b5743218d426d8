"""Runs the migrations on the connection that ledger/migrate.py hands over."""

from __future__ import annotations

from alembic import context

from control_plane.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    compare_server_default=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
