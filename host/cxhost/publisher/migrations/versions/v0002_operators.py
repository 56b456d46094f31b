"""Operators: who may use the page for staff."""

import sqlalchemy as sa
from alembic import op

from cxhost.publisher.database import UtcDateTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table of operators."""
    op.create_table(
        "operators",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False, unique=True),
        sa.Column("token_lookup", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("added_at", UtcDateTime(), nullable=False),
    )


def downgrade() -> None:
    """Remove all operators."""
    op.drop_table("operators")
