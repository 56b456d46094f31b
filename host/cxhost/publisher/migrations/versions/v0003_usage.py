"""What of a seed was used, as its owner's badge tells it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the usage, unknown for every seed so far."""
    op.add_column("seeds", sa.Column("usage", sa.LargeBinary(4)))


def downgrade() -> None:
    """Forget the usage."""
    op.drop_column("seeds", "usage")
