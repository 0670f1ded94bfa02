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


HELD_BEFORE = """
    insert into account (account_no, route, bank_account, event_at, recorded_by)
    select 'A' || n, 'R1', lpad('1', 26, '0'), now(), 'x' from generate_series(1, 4) as n;
    insert into cycle (cycle_key, period, route_set, revision, issue_date, payment_days, dry_run, chunk_accounts,
                       state, started_by, started_via, event_at)
    select key, daterange(start, (start + interval '1 month')::date), 'ALL', 1, start, 14, false, 9, state, 'x', 'cli',
           now()
    from (values ('july', date '2026-07-01', 'closed'), ('august', '2026-08-01', 'closed'),
                 ('september', '2026-09-01', 'checked')) as given (key, start, state);
    insert into snapshot_account select cycle_id, account_id, 0, '', '' from cycle cross join account;
    insert into hold select 1, n, 'READING_MISSING', n = 4, 'rate', '{}', null, '' from generate_series(1, 4) as n;
    insert into hold select 2, 2, 'KSEF_ROUTE', false, 'rate', '{}', '{}', '';
    insert into hold select 3, 3, 'READING_MISSING', false, 'rate', '{}', null, '';
    insert into charge (cycle_id, account_id, channel, net_zl, vat_zl, gross_zl, sha256)
    select 2, 1, 'paper', 0, 0, 0, '';
    insert into invoice_series values ('S', 1);
    insert into invoice (series, sequence, invoice_no, cycle_id, account_id, kind, charge_id, issue_date, due_date,
                         carrier, net_zl, vat_zl, gross_zl, content, sha256, event_at)
    values ('S', 1, 'S/1', 2, 1, 'regular', 1, '2026-09-03', '2026-09-20', 'paper', 0, 0, 0, '', '', now());
"""


def test_holds_that_had_ended_before_their_end_was_recorded_are_given_it(cluster: Path, tmp_path, monkeypatch) -> None:
    admin = create_engine(
        embedded_url(home=cluster, role="postgres", database="postgres"), isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        connection.execute(text("create database held_before owner obieg_owner"))
    url = embedded_url(home=cluster, role="obieg_owner", database="held_before")
    for path in migration.MIGRATIONS.glob("000[1-4]_*.sql"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with monkeypatch.context() as earlier:
        earlier.setattr(migration, "MIGRATIONS", tmp_path)
        migration.migrate(owner_url=url)
    engine = make_engine(url)
    with engine.begin() as connection:
        driver_cursor(connection).execute(HELD_BEFORE)

    migration.migrate(owner_url=url)

    with engine.connect() as connection:
        ended = connection.execute(
            text("select cycle_id, account_id, outcome, invoice_id, draft_cycle_id from hold_resolution order by 1, 2")
        ).all()
        still_open = connection.execute(text("select cycle_key, account_no from open_hold")).all()
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(text("drop database held_before with (force)"))
    admin.dispose()
    assert [tuple(row) for row in ended] == [
        (1, 1, "billed", 1, None),
        (1, 2, "drafted", None, 2),
        (2, 2, "drafted", None, 2),
    ]
    assert [tuple(row) for row in still_open] == [("july", "A3")]


def test_a_second_run_of_the_migrations_does_nothing(database) -> None:
    assert migration.migrate(owner_url=database.owner_url) == []


def test_a_migration_that_changed_after_it_ran_is_refused(database, tmp_path, monkeypatch) -> None:
    for path in migration.MIGRATIONS.glob("*.sql"):
        (tmp_path / path.name).write_bytes(path.read_bytes() + b"\n-- edited later\n")
    monkeypatch.setattr(migration, "MIGRATIONS", tmp_path)

    with pytest.raises(migration.MigrationChanged, match=r"0001_initial\.sql"):
        migration.migrate(owner_url=database.owner_url)
