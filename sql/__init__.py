"""The only place that talks to PostgreSQL: schema, migrations, named queries, checks."""
