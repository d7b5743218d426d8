"""Counts the executors that died with a file, and with a lease, so that a file that kills them can be found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    for table in ("files", "leases"):
        op.add_column(table, sa.Column("executors_lost", sa.Integer(), server_default=sa.text("0"), nullable=False))
