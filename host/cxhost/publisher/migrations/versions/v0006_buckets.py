"""How often clients were wrong, for all servers together."""

import sqlalchemy as sa
from alembic import op

from cxhost.publisher.database import UtcDateTime

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Begin to count."""
    op.create_table(
        "buckets",
        sa.Column("client", sa.LargeBinary(32), primary_key=True),
        sa.Column("level", sa.Double(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False, index=True),
    )


def downgrade() -> None:
    """Forget who was wrong."""
    op.drop_table("buckets")
