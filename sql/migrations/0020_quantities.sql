-- Quantities: of what no meter counts, of meters behind the main one and of points behind a point; and up to which index
-- a reading was billed.

-- ── what a contract says of a service that no meter counts ──────────────────────────────────────────────────────
-- basis norm: so many persons by that norm (billing/law/norms.toml); contract: so many m³ a month. One row a day.
create table contract_quantity (
    contract_id       bigint not null references contract,
    service           text not null check (service in ('water', 'sewage')),
    basis             text not null check (basis in ('norm', 'contract')),
    norm              text,
    persons           smallint check (persons > 0),
    m3_month          numeric(12, 3) check (m3_month >= 0),
    valid             daterange not null check (not lower_inf(valid)),
    file_id           bigint,
    line_no           integer,
    change_id         bigint references registry_change,
    recorded_at       timestamptz not null default clock_timestamp(),
    recorded_by       text not null,
    ended_at          timestamptz,
    ended_by          text,
    ended_change_id   bigint references registry_change,
    told_from         date,
    foreign key (file_id, line_no) references import_row,
    constraint what_its_basis_needs check (
        case basis when 'norm' then num_nonnulls(norm, persons) = 2 and m3_month is null
                   else m3_month is not null and num_nulls(norm, persons) = 2 end),
    constraint one_quantity_of_a_service_a_day exclude using gist (
        int8range(contract_id, contract_id, '[]') with &&,
        int4range(service_number(service), service_number(service), '[]') with &&, valid with &&)
);
create trigger append_only before delete on contract_quantity for each row execute function refuse_change();
create trigger append_only_truncate before truncate on contract_quantity
    for each statement execute function refuse_change();
create trigger only_ends before update on contract_quantity
    for each row when ((old.contract_id, old.service, old.basis, old.norm, old.persons, old.m3_month, old.recorded_at,
                        old.recorded_by)
                       is distinct from (new.contract_id, new.service, new.basis, new.norm, new.persons, new.m3_month,
                                         new.recorded_at, new.recorded_by))
    execute function refuse_change();
create trigger ends_once before update of valid on contract_quantity
    for each row when (old.valid is distinct from new.valid) execute function note_end();
grant select on contract_quantity to obieg_app, obieg_auditor;
grant insert on contract_quantity to obieg_app;
grant update (valid, ended_by, ended_change_id) on contract_quantity to obieg_app;

create index contract_by_point on contract (point_id);

-- ── meters ──────────────────────────────────────────────────────────────────────────────────────────────────────
-- intake: the customer's own well; sewage: what runs off, measured (uzzwś art. 27 ust. 4). Both stand beside the main one.
alter table installation
    drop constraint installation_purpose_check,
    add constraint installation_purpose_check check (purpose in ('main', 'garden', 'sub', 'intake', 'sewage')),
    add column if not exists q3_m3h numeric(6, 3) check (q3_m3h > 0),
    add column if not exists diameter_mm smallint check (diameter_mm > 0);

-- ── how a line came about ───────────────────────────────────────────────────────────────────────────────────────
-- m³ a month that the contract or the norm gives; norm and persons where it is a norm.
alter table charge_line
    add column terms_norm text,
    add column terms_persons smallint,
    add column terms_m3_month numeric(12, 3),
    add constraint terms_are_whole check (
        (terms_m3_month is null) <= (terms_norm is null) and (terms_norm is null) = (terms_persons is null));
-- lapsed_on: the last day of a legalisation that lapsed, so nothing comes off. billed: the days of the volume that are
-- the contract's, where contracts share what is between the readings.
alter table charge_line_part
    add column lapsed_on date,
    add column billed daterange;

-- ── up to which index a reading was billed, at which point ──────────────────────────────────────────────────────
-- Readings that end a line of a KSeF draft, those of its parts included, as drafted_period holds its days.
create table drafted_index (
    cycle_id    bigint not null,
    account_id  bigint not null,
    point_id    bigint references point,
    reading_id  bigint not null references reading,
    index_m3    numeric(12, 3) not null,
    foreign key (cycle_id, account_id) references hold
);
create index drafted_index_by_reading on drafted_index (reading_id);
create trigger append_only before update or delete on drafted_index for each row execute function refuse_change();
create trigger append_only_truncate before truncate on drafted_index
    for each statement execute function refuse_change();
grant select on drafted_index to obieg_app, obieg_auditor;
grant insert on drafted_index to obieg_app;

-- What the lines of a draft (canonical JSON) bill to the end of their readings, by themselves or by their parts.
create function indexes_of_draft(draft text) returns table (point_no text, reading_id bigint, index_m3 numeric)
language sql immutable parallel safe as $$
    select distinct l.line ->> 'point_no', cast(counted.one ->> 'current_reading_id' as bigint),
           cast(counted.one ->> 'current_index_m3' as numeric)
    from jsonb_array_elements(cast(draft as jsonb) -> 'lines') as l (line)
    cross join lateral (select l.line as one
                        union all select * from jsonb_array_elements(l.line -> 'parts')) counted
    where counted.one ->> 'current_reading_id' is not null
      and coalesce(cast(l.line #>> '{share,after_days}' as integer) + cast(l.line #>> '{share,days}' as integer)
                   = cast(l.line #>> '{share,of_days}' as integer), true)
$$;

insert into drafted_index (cycle_id, account_id, point_id, reading_id, index_m3)
select h.cycle_id, h.account_id, p.point_id, n.reading_id, n.index_m3
from hold h
cross join lateral indexes_of_draft(h.draft) n
left join point p on p.point_no = n.point_no
where h.draft is not null
  and exists (select 1 from drafted_period d where d.cycle_id = h.cycle_id and d.account_id = h.account_id);

-- A line that bills only the first days between two readings does not bill its second one.
create view reading_billed as
    select l.point_id, l.current_reading_id as reading_id, l.current_index_m3 as index_m3
    from charge_line l
    join charge_in_force using (charge_id)
    where l.current_reading_id is not null
      and (l.share_days is null or l.share_after_days + l.share_days = l.share_of_days)
    union all
    select l.point_id, p.current_reading_id, p.current_index_m3
    from charge_line_part p
    join charge_line l using (charge_id, line_no)
    join charge_in_force using (charge_id)
    where l.share_days is null or l.share_after_days + l.share_days = l.share_of_days
    union all
    select point_id, reading_id, index_m3 from drafted_index;
grant select on reading_billed to obieg_app, obieg_auditor;

-- ── norms as they were when a cycle was frozen, for its checks ──────────────────────────────────────────────────
create table cycle_norm (
    cycle_id         bigint not null references cycle,
    norm             text not null,
    m3_person_month  numeric(12, 3) not null check (m3_person_month >= 0),
    primary key (cycle_id, norm)
);
create trigger append_only before update or delete on cycle_norm for each row execute function refuse_change();
create trigger append_only_truncate before truncate on cycle_norm for each statement execute function refuse_change();
grant select on cycle_norm to obieg_app, obieg_auditor;
grant insert on cycle_norm to obieg_app;

-- ── contracts, and those on points behind their points ──────────────────────────────────────────────────────────
-- Under each contract: itself (behind_id null), and the contracts on the nearest points with main meters behind its
-- point that may have used water since the point in front was billed. front_point_id is the point of the contract asked
-- for, point_id the one whose meters are meant, billed_until the first day in front that is not billed.
create function tenures(contract_ids bigint[])
returns table (contract_id bigint, behind_id bigint, front_point_id bigint, point_id bigint, contract_from date,
               contract_until date, billed_until date)
language sql stable as $$
    with recursive top as materialized (
        select c.contract_id, c.point_id, lower(c.valid) as contract_from, upper(c.valid) as contract_until
        from contract c
        where c.contract_id = any(contract_ids)
    ), below as (
        select t.contract_id, t.point_id as front_point_id, p.point_id
        from top t
        join point p on p.parent_point_id = t.point_id
        union
        select b.contract_id, b.front_point_id, p.point_id
        from below b
        join point p on p.parent_point_id = b.point_id
        where not exists (select 1 from installation i where i.point_id = b.point_id and i.purpose = 'main')
    ), front as materialized (
        select f.front_point_id, (select max(upper(d.period)) from billed_day d
                                  where d.point_id = f.front_point_id and d.service in ('water', 'sewage')) as billed_until
        from (select distinct b.front_point_id from below b) f
    )
    select t.contract_id, null::bigint, t.point_id, t.point_id, t.contract_from, t.contract_until, null::date from top t
    union all
    select b.contract_id, c.contract_id, b.front_point_id, c.point_id, lower(c.valid), upper(c.valid), f.billed_until
    from below b
    join top t using (contract_id)
    join front f on f.front_point_id = b.front_point_id
    join contract c on c.point_id = b.point_id and not isempty(c.valid)
                   and c.valid && daterange(t.contract_from, t.contract_until)
    where coalesce(upper(c.valid), 'infinity') > coalesce(f.billed_until, '-infinity')
$$;

-- ── a second opinion on what a register counted ─────────────────────────────────────────────────────────────────
-- From an index that was billed to a reading: their difference after the reading is cut to the digits that are billed;
-- through zero when it stood near its end and used what a meter can; also below zero when somebody read what an estimate
-- had billed; nothing when the register ran back by jitter. Null: none of these.
create function model_figure(of_cycle bigint, figure text) returns numeric language sql stable as $$
    select m.value::numeric from cycle_model m where m.cycle_id = of_cycle and m.name = figure
$$;

create function counted_m3(previous_m3 numeric, billed_m3 numeric, current_m3 numeric, decimals integer, dials integer,
                           days integer, settles boolean, jitter_m3 numeric, rollover_share numeric, max_m3_day numeric)
returns numeric language sql immutable as $$
    select case
        when current_m3 >= greatest(previous_m3, billed_m3) then trunc(current_m3, decimals) - billed_m3
        when previous_m3 >= rollover_share * 10 ^ dials and current_m3 <= (1 - rollover_share) * 10 ^ dials
             and trunc(current_m3, decimals) + 10 ^ dials - billed_m3 <= max_m3_day * days
            then trunc(current_m3, decimals) + 10 ^ dials - billed_m3
        when settles then trunc(current_m3, decimals) - billed_m3
        when greatest(previous_m3, billed_m3) - current_m3 <= jitter_m3 then 0
        end
$$;

-- A volume by even use: what is reached by the end of some days less what was before them.
create function share_m3(volume_m3 numeric, after_days integer, days integer, of_days integer, places integer)
returns numeric language sql immutable as $$
    select round(volume_m3 * (after_days + days) / of_days, places) - round(volume_m3 * after_days / of_days, places)
$$;

-- What a quantity a month makes of some days: each month to three places.
create function months_m3(m3_month numeric, days daterange) returns numeric language sql immutable as $$
    select sum(round(m3_month * (upper(part) - lower(part)) / (upper(month) - lower(month)), 3))
    from generate_series(date_trunc('month', lower(days)::timestamp), upper(days) - interval '1 day',
                         interval '1 month') as first
    cross join lateral (select daterange(first::date, (first + interval '1 month')::date) as month) m
    cross join lateral (select month * days as part) p
$$;

-- ── every dated fact in one place: those of quantities too ──────────────────────────────────────────────────────
do $$
begin
    execute 'create or replace view registry_fact as ' || rtrim(pg_get_viewdef('registry_fact'::regclass), ';') || '
        union all
        select ''quantity'', c.contract_no || '' '' || q.service, c.account_id, null, null,
               jsonb_build_object(''basis'', q.basis, ''norm'', q.norm, ''persons'', q.persons, ''m3_month'', q.m3_month),
               coalesce(q.told_from, lower(q.valid)), coalesce(q.told_from, upper(q.valid)),
               q.recorded_by, q.recorded_at, q.file_id, q.line_no, q.change_id, q.ended_by, q.ended_at,
               q.ended_change_id
        from contract_quantity q join contract c using (contract_id)';
end $$;
