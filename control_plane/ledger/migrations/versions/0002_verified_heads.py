"""Remembers, for each table, up to which head of main every lease is known."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "verified_heads",
        sa.Column("table_name", sa.Text(collation="C"), nullable=False),
        sa.Column("snapshot_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("table_name"),
        postgresql_with={"fillfactor": "50"},
    )
