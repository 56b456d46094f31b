"""The first tables."""

import sqlalchemy as sa
from alembic import op

from cxhost.publisher.database import UtcDateTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make all tables and the one row of ``edition``."""
    op.create_table(
        "codes",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("lookup", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("zone", sa.String(2000), nullable=False),
        sa.Column("issued_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime()),
    )
    op.create_table(
        "seeds",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("generator_type", sa.Integer(), nullable=False),
        sa.Column("value", sa.LargeBinary(48), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(32), nullable=False, index=True),
        sa.Column("code_id", sa.Integer(), sa.ForeignKey("codes.id"), nullable=False, index=True),
        sa.Column("reported_at", UtcDateTime(), nullable=False, index=True),
        sa.Column("published_level", sa.Integer()),
        sa.Column("changed_at", UtcDateTime(), index=True),
        sa.UniqueConstraint("value", "generator_type", name="one_seed"),
    )
    op.create_table(
        "claims",
        sa.Column("code_id", sa.Integer(), sa.ForeignKey("codes.id"), primary_key=True),
        sa.Column("seed_id", sa.Integer(), sa.ForeignKey("seeds.id"), primary_key=True, index=True),
        sa.Column("reported_at", UtcDateTime(), nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("operator", sa.String(100), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("detail", sa.String(200), nullable=False),
        sa.Column("code_id", sa.Integer(), sa.ForeignKey("codes.id"), index=True),
    )
    edition = op.create_table(
        "edition",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("published_at", UtcDateTime()),
        sa.Column("next_update_not_after", UtcDateTime()),
    )
    op.bulk_insert(edition, [{"id": 1}])


def downgrade() -> None:
    """Remove all tables, and everything in them."""
    for name in ("edition", "audit", "claims", "seeds", "codes"):
        op.drop_table(name)
