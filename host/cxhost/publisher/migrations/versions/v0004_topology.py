"""Other publishers, what they list, and decoys."""

import sqlalchemy as sa
from alembic import op

from cxhost.publisher.database import UtcDateTime

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the tables of other publishers, empty, and say that no case so far is a decoy."""
    op.add_column("codes", sa.Column("is_decoy", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "members",
        sa.Column("url", sa.String(2000), primary_key=True),
        sa.Column("relation", sa.String(10), nullable=False),
        sa.Column("parent", sa.String(2000), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("descriptor", sa.String()),
        sa.Column("fetched_at", UtcDateTime()),
        sa.Column("problem", sa.String(300)),
    )
    op.create_table(
        "feeds",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("member_url", sa.String(1000), nullable=False),
        sa.Column("zone", sa.String(1000), nullable=False),
        sa.Column("url", sa.String(2000), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("links", sa.String(), nullable=False),
        sa.Column("published_at", UtcDateTime()),
        sa.Column("fetch_at", UtcDateTime()),
        sa.Column("valid_until", UtcDateTime()),
        sa.Column("taken_at", UtcDateTime()),
        sa.Column("problem", sa.String(300)),
        sa.UniqueConstraint("member_url", "zone", name="one_feed"),
    )
    op.create_table(
        "relayed",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("feed_id", sa.Integer(), sa.ForeignKey("feeds.id"), nullable=False),
        sa.Column("generator_type", sa.Integer(), nullable=False),
        sa.Column("value", sa.LargeBinary(48), nullable=False, index=True),
        sa.Column("content", sa.LargeBinary()),
        sa.Column("usage", sa.LargeBinary(4)),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("published_level", sa.Integer()),
        sa.Column("changed_at", UtcDateTime(), index=True),
        sa.UniqueConstraint("feed_id", "value", "generator_type", name="once_in_feed"),
    )


def downgrade() -> None:
    """Forget other publishers; decoys go on as cases."""
    for name in ("relayed", "feeds", "members"):
        op.drop_table(name)
    op.drop_column("codes", "is_decoy")
