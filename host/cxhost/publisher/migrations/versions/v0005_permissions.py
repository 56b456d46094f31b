"""What operators may do, how the newest edition lists each case, and what is on the target."""

import sqlalchemy as sa
from alembic import op

from cxhost.publisher.database import UtcDateTime

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Let operators go on doing all, and take every used code as listed."""
    op.add_column(
        "operators",
        sa.Column("may", sa.String(100), nullable=False, server_default="issue look-up withdraw"),
    )
    op.add_column("codes", sa.Column("listed_level", sa.Integer()))
    op.add_column("codes", sa.Column("listed_zone", sa.String(2000)))
    op.execute("UPDATE codes SET listed_level = level, listed_zone = zone WHERE used_at IS NOT NULL")
    op.add_column("edition", sa.Column("uploaded_at", UtcDateTime()))


def downgrade() -> None:
    """Let every operator do all."""
    op.drop_column("edition", "uploaded_at")
    op.drop_column("codes", "listed_zone")
    op.drop_column("codes", "listed_level")
    op.drop_column("operators", "may")
