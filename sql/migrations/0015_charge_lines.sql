-- Lines of every kind of charge, how a quantity came about, and what a person decided about a reading.

-- ── services ─────────────────────────────────────────────────────────────────────────────────────────────────────
-- abonament_sewage: the abonament of sewage where the tariff has one of its own; excess: industrial sewage above its
-- permitted indicators; extra: services outside the tariff.
create function service_number(service text) returns integer language sql immutable parallel safe as $$
    select array_position(array['water', 'sewage', 'abonament', 'abonament_sewage', 'stormwater', 'excess', 'extra'],
                          service)
$$;

alter table charge_line
    drop constraint charge_line_service_check,
    add constraint charge_line_service_check check (service_number(service) is not null);
alter table cycle_price
    drop constraint cycle_price_service_check,
    add constraint cycle_price_service_check check (service_number(service) is not null);

alter table billed_period
    drop constraint billed_period_service_check,
    drop constraint no_day_twice_at_a_point,
    drop constraint no_day_twice_for_a_recipient,
    drop column service_no,
    add constraint billed_period_service_check check (service_number(service) is not null),
    add column service_no integer not null generated always as (service_number(service)) stored;
alter table billed_period
    add constraint no_day_twice_at_a_point exclude using gist (
        int8range(point_id, point_id, '[]') with &&, int4range(service_no, service_no, '[]') with &&,
        period with &&) where (point_id is not null),
    add constraint no_day_twice_for_a_recipient exclude using gist (
        int8range(account_id, account_id, '[]') with &&, int4range(service_no, service_no, '[]') with &&,
        period with &&) where (point_id is null);

alter table drafted_period
    drop constraint drafted_period_service_check,
    drop constraint no_drafted_day_twice_at_a_point,
    drop constraint no_drafted_day_twice_for_a_recipient,
    drop column service_no,
    add constraint drafted_period_service_check check (service_number(service) is not null),
    add column service_no integer not null generated always as (service_number(service)) stored;
alter table drafted_period
    add constraint no_drafted_day_twice_at_a_point exclude using gist (
        int8range(point_id, point_id, '[]') with &&, int4range(service_no, service_no, '[]') with &&,
        period with &&) where (point_id is not null),
    add constraint no_drafted_day_twice_for_a_recipient exclude using gist (
        int8range(account_id, account_id, '[]') with &&, int4range(service_no, service_no, '[]') with &&,
        period with &&) where (point_id is null);

-- ── how a quantity came about ────────────────────────────────────────────────────────────────────────────────────
-- origin: what named the quantity where no register measured it. share: the line's days of the whole between its two readings, where a
-- price or a contract began in between. row_no: several lines of the same days (blocks, indicators) are numbered, and
-- only the first occupies the days.
alter table charge_line
    add column origin text check (origin in ('norm', 'contract', 'area', 'order', 'forecast', 'settled_forecast')),
    add column row_no smallint not null default 1 check (row_no > 0),
    add column share_days integer check (share_days > 0),
    add column share_of_days integer check (share_of_days > share_days),
    add column share_of_m3 numeric(12, 3),
    add column share_after_days integer check (share_after_days >= 0),
    add column block_from_m3 numeric(12, 3),
    add column block_until_m3 numeric(12, 3) check (block_until_m3 > block_from_m3),
    add column indicator text,
    add column indicator_measured numeric(14, 4),
    add column indicator_permitted numeric(14, 4) check (indicator_permitted > 0),
    add constraint share_is_whole check (
        num_nonnulls(share_days, share_of_days, share_of_m3, share_after_days) in (0, 4)),
    add constraint excess_is_whole check (
        num_nonnulls(indicator, indicator_measured, indicator_permitted) = case service when 'excess' then 3 else 0 end);

-- Each register that had a share in a line's quantity, where that is not just one register between two readings.
create table charge_line_part (
    charge_id            bigint not null,
    line_no              integer not null,
    part_no              integer not null check (part_no > 0),
    meter_no             text not null,
    purpose              text not null,
    previous_reading_id  bigint not null references reading,
    current_reading_id   bigint not null references reading,
    previous_index_m3    numeric(12, 3) not null,
    current_index_m3     numeric(12, 3) not null,
    volume_m3            numeric(12, 3) not null,
    percent              numeric(7, 2) not null,
    primary key (charge_id, line_no, part_no),
    foreign key (charge_id, line_no) references charge_line
);
create index charge_line_part_by_reading on charge_line_part (current_reading_id);

-- ── what a person decided about a reading ────────────────────────────────────────────────────────────────────────
-- The reading stays as it came. edited and corrected carry the index that counts from then on (corrected: of a billed
-- reading, together with the correction of its invoices); estimated names the estimate that stands for it.
create table reading_decision (
    reading_id   bigint not null references reading,
    decision_no  integer not null check (decision_no > 0),
    decision     text not null check (decision in ('confirmed', 'edited', 'void', 'estimated', 'corrected')),
    index_m3     numeric(12, 3) check (index_m3 >= 0),
    estimate_id  bigint references reading,
    reason       text not null check (reason <> ''),
    decided_by   text not null,
    decided_via  text not null check (decided_via in ('airflow', 'cli')),
    event_at     timestamptz not null,
    recorded_at  timestamptz not null default clock_timestamp(),
    primary key (reading_id, decision_no),
    constraint an_index_where_it_changes check ((decision in ('edited', 'corrected')) = (index_m3 is not null)),
    constraint an_estimate_where_it_stands_for check ((decision = 'estimated') = (estimate_id is not null))
);

-- Readings as they count now: with the newest decision, its index and its state.
create view reading_now as
    select r.reading_id, r.installation_id, r.meter_id, r.register, r.read_at, r.read_on, r.source, r.quality,
           coalesce(d.index_m3, r.index_m3) as index_m3, r.index_m3 as index_received_m3, r.reason_code,
           case d.decision when 'confirmed' then 'CONFIRMED' when 'edited' then 'EDITED' when 'corrected' then 'EDITED'
                           when 'void' then 'VOID' when 'estimated' then 'ESTIMATED' else r.state end as state,
           coalesce(d.decision in ('confirmed', 'edited', 'corrected'), r.state = 'VALID')
               and coalesce(d.index_m3, r.index_m3) is not null as is_usable,
           r.alarms, r.external_id, r.recorded_at
    from reading r
    left join lateral (
        select e.decision, e.index_m3 from reading_decision e
        where e.reading_id = r.reading_id order by e.decision_no desc limit 1
    ) d on true;

do $$
declare
    name text;
begin
    foreach name in array array['charge_line_part', 'reading_decision'] loop
        execute format('create trigger append_only before update or delete on %I
                        for each row execute function refuse_change()', name);
        execute format('create trigger append_only_truncate before truncate on %I
                        for each statement execute function refuse_change()', name);
    end loop;
end $$;
grant select on charge_line_part, reading_decision, reading_now to obieg_app, obieg_auditor;
grant insert on charge_line_part, reading_decision to obieg_app;
