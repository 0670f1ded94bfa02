"""The schema is the sum of its migrations, and each migration runs once."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from pipeline.services.postgres import embedded_url
from sql import migrate as migration
from sql.copying import driver_cursor
from sql.engine import make_engine

CATALOGUE = """
    select 'column', table_name::text, column_name::text, data_type::text || coalesce(column_default, '') ||
           is_nullable || is_generated
    from information_schema.columns where table_schema = 'public'
    union all
    select 'constraint', conrelid::regclass::text, conname::text, pg_get_constraintdef(oid)
    from pg_constraint where connamespace = 'public'::regnamespace
    union all
    select 'index', tablename::text, indexname::text, indexdef from pg_indexes where schemaname = 'public'
    union all
    select 'function', proname::text, '', prosrc from pg_proc where pronamespace = 'public'::regnamespace
    union all
    select 'trigger', tgrelid::regclass::text, tgname::text, pg_get_triggerdef(oid)
    from pg_trigger where not tgisinternal
    union all
    select 'grant', table_name::text, grantee || '/' || coalesce(column_name, ''), privilege_type
    from information_schema.column_privileges where table_schema = 'public'
    order by 1, 2, 3, 4
"""


def catalogue(url: str) -> list[tuple[str, ...]]:
    engine = make_engine(url)
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(text(CATALOGUE))]
    engine.dispose()
    return [row for row in rows if not row[1].startswith("migration")]


def test_schema_sql_equals_the_sum_of_the_migrations(cluster: Path, database) -> None:
    admin = create_engine(
        embedded_url(home=cluster, role="postgres", database="postgres"), isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        connection.execute(text("create database from_schema owner obieg_owner"))
    url = embedded_url(home=cluster, role="obieg_owner", database="from_schema")
    engine = make_engine(url)
    with engine.begin() as connection:
        driver_cursor(connection).execute((Path(migration.__file__).parent / "schema.sql").read_text(encoding="utf-8"))
    engine.dispose()

    from_schema, from_migrations = catalogue(url), catalogue(database.owner_url)

    with admin.connect() as connection:
        connection.execute(text("drop database from_schema with (force)"))
    admin.dispose()
    assert len(from_schema) > 300
    assert from_schema == from_migrations


def test_a_second_run_of_the_migrations_does_nothing(database) -> None:
    assert migration.migrate(owner_url=database.owner_url) == []


def test_a_migration_that_changed_after_it_ran_is_refused(database, tmp_path, monkeypatch) -> None:
    for path in migration.MIGRATIONS.glob("*.sql"):
        (tmp_path / path.name).write_bytes(path.read_bytes() + b"\n-- edited later\n")
    monkeypatch.setattr(migration, "MIGRATIONS", tmp_path)

    with pytest.raises(migration.MigrationChanged, match=r"0001_initial\.sql"):
        migration.migrate(owner_url=database.owner_url)
