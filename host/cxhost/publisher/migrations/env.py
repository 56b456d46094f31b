"""Runs the changes on the connection that ``database.migrate`` passes in; alembic loads this file."""

from alembic import context

from cxhost.publisher.database import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
