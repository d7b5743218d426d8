"""Makes room for previews: files that somebody waits to see read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "previews",
        sa.Column("preview_id", sa.Uuid(), nullable=False),
        sa.Column("tenant", sa.Text(collation="C"), nullable=False),
        sa.Column("ingestion", sa.Text(collation="C"), nullable=False),
        sa.Column("pool", sa.Text(collation="C"), nullable=False),
        sa.Column("config", postgresql.JSONB(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("terms", postgresql.JSONB(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempt", sa.Uuid(), nullable=True),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("deadline", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("preview_id"),
    )
    op.create_index("previews_waiting", "previews", ["pool", "create_time"], postgresql_where=sa.text("holder IS NULL"))
