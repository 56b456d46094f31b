"""How the publisher's database became what it is: one file for each change, run by alembic."""
