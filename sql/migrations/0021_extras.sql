-- Charges beside metered water: price lists, stormwater, excess of industrial sewage, ordered services, prognozy.

-- ── price lists ──────────────────────────────────────────────────────────────────────────────────────────────────
alter table input_file
    drop constraint input_file_kind_check,
    add constraint input_file_kind_check check (kind in ('utility', 'tariff', 'price_list'));

-- The items of the price lists, written down once more at the freeze beside cycle_price.
create table cycle_item_price (
    cycle_id        bigint not null references cycle,
    list_sha256     text not null references input_file,
    item_code       text not null,
    service         text not null check (service in ('stormwater', 'extra')),
    unit            text not null,
    net_zl          numeric(10, 4) not null check (net_zl > 0),
    vat_rate        numeric not null,
    m3_per_m2_year  numeric(8, 3) check (m3_per_m2_year > 0),
    valid_from      date not null,
    primary key (cycle_id, item_code, valid_from),
    constraint m3_of_stormwater check ((m3_per_m2_year is not null) = (service = 'stormwater' and unit = 'm3'))
);

-- On which days an item costs what: until its next price begins.
create view cycle_item_days as
    select cycle_id, list_sha256, item_code, service, unit, net_zl, vat_rate, m3_per_m2_year,
           daterange(valid_from, lead(valid_from) over (partition by cycle_id, item_code order by valid_from)) as days
    from cycle_item_price;

-- ── stormwater ───────────────────────────────────────────────────────────────────────────────────────────────────
alter table contract_terms
    drop constraint contract_terms_services_check,
    add constraint contract_terms_services_check check (
        services <@ array['water', 'sewage', 'stormwater'] and cardinality(services) > 0);

-- A surface of a point that rain runs off, charged from the first day of ``valid`` on by an item of a price list.
create table stormwater_area (
    area_id       bigint generated always as identity primary key,
    point_id      bigint not null references point,
    surface       text not null check (surface <> ''),
    area_m2       numeric(12, 2) not null check (area_m2 > 0),
    item_code     text not null,
    valid         daterange not null check (not lower_inf(valid)),
    reason        text not null check (reason <> ''),
    event_at      timestamptz not null,
    recorded_at   timestamptz not null default clock_timestamp(),
    recorded_by   text not null,
    recorded_via  text not null check (recorded_via in ('airflow', 'cli')),
    ended_at      timestamptz,
    ended_by      text,
    ended_reason  text,
    constraint an_end_says_why check (num_nonnulls(ended_at, ended_by, ended_reason) in (0, 3)),
    constraint one_area_of_a_surface_a_day exclude using gist (
        int8range(point_id, point_id, '[]') with &&, int4range(hashtext(surface), hashtext(surface), '[]') with &&,
        valid with &&)
);
create index stormwater_area_of_point on stormwater_area (point_id);

-- Days of stormwater that are under contract, and those of the point that are charged.
create view stormwater_day as
    select k.contract_id, k.account_id, k.point_id, k.days, b.days as billed
    from (select c.contract_id, c.account_id, c.point_id, datemultirange(c.valid) * range_agg(s.valid) as days
          from contract c join stormwater_area s using (point_id)
          where not isempty(s.valid) and not isempty(c.valid) and s.valid && c.valid
          group by c.contract_id, c.account_id, c.point_id, c.valid) k
    cross join lateral (
        select coalesce(range_agg(d.period), '{}') as days from billed_day d
        where d.point_id = k.point_id and d.service = 'stormwater') b;

-- ── excess of industrial sewage ──────────────────────────────────────────────────────────────────────────────────
create table sewage_excess (
    excess_id        bigint generated always as identity primary key,
    point_id         bigint not null references point,
    indicator        text not null check (indicator <> ''),
    measured         numeric(14, 4) not null,
    permitted        numeric(14, 4) not null check (permitted > 0),
    valid            daterange not null check (not lower_inf(valid)),
    report_no        text not null check (report_no <> ''),
    event_at         timestamptz not null,
    recorded_at      timestamptz not null default clock_timestamp(),
    recorded_by      text not null,
    recorded_via     text not null check (recorded_via in ('airflow', 'cli')),
    ended_at         timestamptz,
    ended_by         text,
    ended_report_no  text,
    constraint only_above_what_is_permitted check (measured > permitted),
    constraint an_end_names_its_report check (num_nonnulls(ended_at, ended_by, ended_report_no) in (0, 3)),
    constraint one_excess_of_an_indicator_a_day exclude using gist (
        int8range(point_id, point_id, '[]') with &&, int4range(hashtext(indicator), hashtext(indicator), '[]') with &&,
        valid with &&)
);
create index sewage_excess_of_point on sewage_excess (point_id);

-- ── services that were ordered ───────────────────────────────────────────────────────────────────────────────────
create table extra_service (
    extra_service_id  bigint generated always as identity primary key,
    account_id        bigint not null references account,
    point_id          bigint references point,
    item_code         text not null,
    quantity          numeric(12, 3) not null check (quantity > 0),
    performed_on      date not null,
    ordered_by        text not null check (ordered_by <> ''),
    note              text not null check (note <> ''),
    event_at          timestamptz not null,
    recorded_at       timestamptz not null default clock_timestamp(),
    recorded_by       text not null,
    recorded_via      text not null check (recorded_via in ('airflow', 'cli'))
);
create index extra_service_of_account on extra_service (account_id);

create table extra_service_cancelled (
    extra_service_id  bigint primary key references extra_service,
    reason            text not null check (reason <> ''),
    event_at          timestamptz not null,
    recorded_at       timestamptz not null default clock_timestamp(),
    recorded_by       text not null,
    recorded_via      text not null check (recorded_via in ('airflow', 'cli'))
);

-- On which document a service is: once.
create table extra_service_billed (
    extra_service_id  bigint primary key references extra_service,
    cycle_id          bigint not null references cycle,
    account_id        bigint not null references account,
    invoice_id        bigint references invoice,
    recorded_at       timestamptz not null default clock_timestamp()
);

create function refuse_service_at_odds() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock(hashtext('obieg.extra_service'));
    if tg_table_name = 'extra_service_billed'
       and exists (select 1 from public.extra_service_cancelled c where c.extra_service_id = new.extra_service_id) then
        raise exception 'extra service %: it was cancelled', new.extra_service_id using errcode = 'OB002';
    elsif tg_table_name = 'extra_service_cancelled'
       and exists (select 1 from public.extra_service_billed b where b.extra_service_id = new.extra_service_id) then
        raise exception 'extra service %: it is billed', new.extra_service_id using errcode = 'OB002';
    end if;
    return new;
end $$;
create trigger billed_or_cancelled before insert on extra_service_billed
    for each row execute function refuse_service_at_odds();
create trigger billed_or_cancelled before insert on extra_service_cancelled
    for each row execute function refuse_service_at_odds();

-- ── prognozy ─────────────────────────────────────────────────────────────────────────────────────────────────────
-- Who may be charged by prognozy (Rozp. 2018 par. 16 ust. 4): a person in a flat of a multi-unit building, or the
-- building's owner or manager; what they follow, and how often they are settled (par. 17 ust. 2-3).
create table forecast_terms (
    terms_id             bigint generated always as identity primary key,
    contract_id          bigint not null references contract,
    entitled             text not null check (entitled in ('flat', 'manager')),
    basis                text not null check (basis in ('contract', 'norm', 'mean')),
    water_m3_month       numeric(12, 3) check (water_m3_month >= 0),
    sewage_m3_month      numeric(12, 3) check (sewage_m3_month >= 0),
    settle_every_months  smallint not null check (settle_every_months between 2 and 12),
    payment_day          smallint check (payment_day between 1 and 28),
    valid                daterange not null check (not lower_inf(valid)),
    reason               text not null check (reason <> ''),
    event_at             timestamptz not null,
    recorded_at          timestamptz not null default clock_timestamp(),
    recorded_by          text not null,
    recorded_via         text not null check (recorded_via in ('airflow', 'cli')),
    ended_at             timestamptz,
    ended_by             text,
    ended_reason         text,
    constraint an_end_of_terms_says_why check (num_nonnulls(ended_at, ended_by, ended_reason) in (0, 3)),
    constraint a_quantity_unless_the_mean check (
        basis = 'mean' or num_nonnulls(water_m3_month, sewage_m3_month) > 0),
    constraint one_terms_of_a_contract_a_day exclude using gist (
        int8range(contract_id, contract_id, '[]') with &&, valid with &&)
);

-- What prognozy have charged, line by line, on an invoice or on a draft for KSeF; a month is forecast once.
create table forecast_line (
    forecast_line_id  bigint generated always as identity primary key,
    cycle_id          bigint not null references cycle,
    account_id        bigint not null references account,
    line_no           integer not null,
    invoice_id        bigint references invoice,
    document          text not null,
    point_id          bigint not null references point,
    service           text not null check (service in ('water', 'sewage')),
    service_no        integer not null generated always as (service_number(service)) stored,
    row_no            smallint not null,
    period            daterange not null check (not isempty(period)),
    content           text not null,
    recorded_at       timestamptz not null default clock_timestamp(),
    unique (cycle_id, account_id, line_no),
    constraint no_day_forecast_twice exclude using gist (
        int8range(point_id, point_id, '[]') with &&, int4range(service_no, service_no, '[]') with &&,
        int4range(row_no::integer, row_no::integer, '[]') with &&, period with &&)
);
create index forecast_line_of_point on forecast_line (point_id);

create table forecast_settled (
    forecast_line_id  bigint primary key references forecast_line,
    cycle_id          bigint not null references cycle,
    account_id        bigint not null references account,
    line_no           integer not null,
    invoice_id        bigint references invoice,
    recorded_at       timestamptz not null default clock_timestamp()
);

-- What the old system billed of water and sewage says nothing of rain and of services.
create or replace function refuse_settled_day() returns trigger language plpgsql as $$
begin
    if public.is_standing(new.service) then
        if exists (select 1 from public.opening_balance b
                   where b.account_id = new.account_id and b.replaced_at is null
                     and b.standing_billed_until > lower(new.period)) then
            raise exception '% %: the old system has billed it', new.service, new.period using errcode = 'OB002';
        end if;
    elsif new.service in ('water', 'sewage')
          and exists (select 1 from public.point_settled s
                      where s.point_id = new.point_id and s.days && new.period) then
        raise exception '% %: the old system has billed it', new.service, new.period using errcode = 'OB002';
    end if;
    return new;
end $$;

alter table invoice
    drop constraint invoice_kind_check,
    add constraint invoice_kind_check check (kind in ('regular', 'final', 'correction', 'forecast', 'settlement'));

-- Water and sewage as they were charged for real, with the full price of the tariff: on invoices and on drafts.
create view metered_line as
    select v.cycle_id, v.account_id, v.invoice_no as document, l.point_id, l.service, l.period, l.row_no, l.quantity,
           l.price_zl + case l.subsidy_mode when 'net' then l.subsidy_zl_m3 else 0 end as price_zl,
           l.tariff_group, l.tariff_sha256
    from billed_period b
    join invoice v using (invoice_id)
    join charge_line l on l.charge_id = v.charge_id and l.point_id = b.point_id and l.service = b.service
                      and l.period = b.period
    where b.superseded_by is null and b.service in ('water', 'sewage')
      and coalesce(l.origin, '') not in ('forecast', 'settled_forecast')
    union all
    select d.cycle_id, d.account_id, y.cycle_key, d.point_id, d.service, d.period,
           coalesce((line ->> 'row_no')::smallint, 1), (line ->> 'quantity')::numeric,
           (line ->> 'price_zl')::numeric
               + case line #>> '{subsidy,mode}' when 'net' then (line #>> '{subsidy,zl_m3}')::numeric else 0 end,
           line ->> 'tariff_group', line ->> 'tariff_sha256'
    from drafted_period d
    join cycle y using (cycle_id)
    join point p using (point_id)
    join hold h using (cycle_id, account_id)
    cross join lateral jsonb_array_elements(cast(h.draft as jsonb) -> 'lines') as line
    where d.service in ('water', 'sewage') and line ->> 'service' = d.service and line ->> 'point_no' = p.point_no
      and daterange((line #>> '{period,start}')::date, (line #>> '{period,until}')::date) = d.period
      and coalesce(line ->> 'origin', '') not in ('forecast', 'settled_forecast');

-- ── what lines carry of all this ─────────────────────────────────────────────────────────────────────────────────
alter table charge_line
    add column extra_service_id bigint references extra_service,
    add column surface text,
    add column area_m2 numeric(12, 2),
    add column m3_per_m2_year numeric(8, 3),
    add column forecast_line_id bigint references forecast_line,
    add column forecast_document text,
    add constraint extra_names_its_order check ((service = 'extra') = (extra_service_id is not null)),
    add constraint stormwater_names_its_area check (
        num_nonnulls(surface, area_m2) = case service when 'stormwater' then 2 else 0 end
        and (m3_per_m2_year is null or service = 'stormwater')),
    add constraint a_settlement_names_its_forecast check (
        num_nonnulls(forecast_line_id, forecast_document)
        = case when origin = 'settled_forecast' then 2 else 0 end);
create index charge_line_of_extra_service on charge_line (extra_service_id) where extra_service_id is not null;

-- ── dated facts: nothing is deleted, only an end is written, once ────────────────────────────────────────────────
create function refuse_more_than_an_end() returns trigger language plpgsql as $$
declare
    ending text[] := array['valid', 'ended_at', 'ended_by', 'ended_reason', 'ended_report_no'];
begin
    if old.ended_at is not null or new.ended_at is null or not (new.valid <@ old.valid)
       or lower(new.valid) <> lower(old.valid) or to_jsonb(new) - ending <> to_jsonb(old) - ending then
        raise exception '%: only an end may be written, and once', tg_table_name using errcode = 'OB001';
    end if;
    return new;
end $$;

do $$
declare
    name text;
begin
    foreach name in array array['cycle_item_price', 'extra_service', 'extra_service_cancelled', 'extra_service_billed',
                                'forecast_line', 'forecast_settled'] loop
        execute format('create trigger append_only before update or delete on %I
                        for each row execute function refuse_change()', name);
        execute format('create trigger append_only_truncate before truncate on %I
                        for each statement execute function refuse_change()', name);
    end loop;
    foreach name in array array['stormwater_area', 'sewage_excess', 'forecast_terms'] loop
        execute format('create trigger only_an_end before update on %I
                        for each row execute function refuse_more_than_an_end()', name);
        execute format('create trigger append_only before delete on %I
                        for each row execute function refuse_change()', name);
        execute format('create trigger append_only_truncate before truncate on %I
                        for each statement execute function refuse_change()', name);
    end loop;
end $$;

grant select on cycle_item_price, cycle_item_days, stormwater_area, stormwater_day, sewage_excess, extra_service,
    extra_service_cancelled, extra_service_billed, forecast_terms, forecast_line, forecast_settled,
    metered_line to obieg_app, obieg_auditor;
grant insert on cycle_item_price, stormwater_area, sewage_excess, extra_service, extra_service_cancelled,
    extra_service_billed, forecast_terms, forecast_line, forecast_settled to obieg_app;
grant update (valid, ended_at, ended_by, ended_reason) on stormwater_area, forecast_terms to obieg_app;
grant update (valid, ended_at, ended_by, ended_report_no) on sewage_excess to obieg_app;
