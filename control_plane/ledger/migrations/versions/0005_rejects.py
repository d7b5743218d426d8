"""Lets a lease stage a second table, for the records that it keeps aside, with a count of them a file."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("leases", sa.Column("records_rejected", postgresql.ARRAY(sa.BigInteger()), nullable=True))
    op.drop_constraint("staged_tables_purpose", "staged_tables")
    op.create_check_constraint("staged_tables_purpose", "staged_tables", "purpose IN ('ROWS', 'REJECTS')")
