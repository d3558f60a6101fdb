"""Alembic's entry: runs the steps on the connection that ``store/migrate.py`` hands over."""

from alembic import context

from sync_server.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
