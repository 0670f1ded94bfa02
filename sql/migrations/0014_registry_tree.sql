-- Connections (przyłącza), points that lie behind other points, and meters that are not the main one of their point.

create table connection (
    connection_id  bigint generated always as identity primary key,
    connection_no  text not null unique,
    service        text not null check (service in ('water', 'sewage')),
    street         text not null,
    postcode       text not null,
    city           text not null,
    diameter_mm    smallint check (diameter_mm > 0),
    built_on       date,
    file_id        bigint,
    line_no        integer,
    change_id      bigint references registry_change,
    recorded_at    timestamptz not null default clock_timestamp(),
    recorded_by    text not null,
    foreign key (file_id, line_no) references import_row
);
create trigger append_only before update or delete on connection for each row execute function refuse_change();
create trigger append_only_truncate before truncate on connection for each statement execute function refuse_change();
grant select on connection to obieg_app, obieg_auditor;
grant insert on connection to obieg_app;

-- ``parent_point_id``: the point whose main meter counts this point's water too (a flat behind its building's meter).
alter table point
    add column water_connection_id bigint references connection,
    add column sewage_connection_id bigint references connection,
    add column parent_point_id bigint references point,
    add constraint not_its_own_parent check (parent_point_id <> point_id);
create index point_by_parent on point (parent_point_id) where parent_point_id is not null;

-- ``main``: counts what the point takes; ``garden``: water used irretrievably (uzzwś art. 27 ust. 6); ``sub``: a part of
-- what the main meter counts. The percentages are the shares of its m³ billed as water and as sewage.
alter table installation
    add column purpose text not null default 'main' check (purpose in ('main', 'garden', 'sub')),
    add column water_percent numeric(5, 2) not null default 100 check (water_percent between 0 and 100),
    add column sewage_percent numeric(5, 2) not null default 100 check (sewage_percent between 0 and 100),
    drop constraint one_meter_at_a_time,
    add constraint one_main_meter_at_a_time exclude using gist (
        int8range(point_id, point_id, '[]') with &&, int4range(register, register, '[]') with &&,
        daterange(installed_on, removed_on) with &&) where (purpose = 'main');

-- The tree below a point, as it is walked: its own row first, level 0.
create function points_below(top bigint) returns table (point_id bigint, level integer) language sql stable as $$
    with recursive tree as (
        select top as point_id, 0 as level
        union all
        select p.point_id, t.level + 1 from tree t join point p on p.parent_point_id = t.point_id
    ) cycle point_id set is_cycle using path
    select point_id, level from tree where not is_cycle
$$;

-- Whatever a registry file brings may come by a change as well.
alter table point_gmina add column change_id bigint references registry_change;
alter table route_stop add column change_id bigint references registry_change;

-- ── after a large load ──────────────────────────────────────────────────────────────────────────────────────────
-- The planner's statistics of our tables as they are inside this transaction; else the first queries over what was just
-- loaded are planned for empty tables, and the time of some grows with the square of the rows.
create function refresh_statistics() returns void language plpgsql security definer set search_path = pg_catalog as $$
declare
    name text;
begin
    for name in select tablename from pg_tables where schemaname = 'public' and tableowner = current_user loop
        execute format('analyze public.%I', name);
    end loop;
end $$;
revoke execute on function refresh_statistics() from public;
grant execute on function refresh_statistics() to obieg_app;
