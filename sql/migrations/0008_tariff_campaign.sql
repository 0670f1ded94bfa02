-- A tariff is rated over all accounts before it is switched on, and switched on by a second person.

-- What a tariff changes, as it was computed from these bytes beside those tariffs, after so many issued cycles.
create table tariff_impact (
    impact_id               bigint generated always as identity primary key,
    tariff_sha256           text not null references input_file,
    title                   text not null,
    valid_from              date not null,
    book_sha256s            text[] not null,
    issued_cycles           integer not null check (issued_cycles >= 0),
    accounts                integer not null,
    rated                   integer not null check (rated >= 0),
    without_history         integer not null check (without_history >= 0),
    without_price           integer not null check (without_price >= 0),
    without_price_before    integer not null check (without_price_before >= 0),
    net_before_zl           numeric(14, 2) not null,
    net_after_zl            numeric(14, 2) not null,
    gross_before_zl         numeric(14, 2) not null,
    gross_after_zl          numeric(14, 2) not null,
    by_group                jsonb not null,
    accounts_without_price  jsonb not null,
    sha256                  text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    event_at                timestamptz not null,
    recorded_at             timestamptz not null default clock_timestamp(),
    recorded_by             text not null,
    recorded_via            text not null check (recorded_via in ('airflow', 'cli')),
    unique (tariff_sha256, sha256, issued_cycles, recorded_by),
    unique (impact_id, tariff_sha256, valid_from),
    constraint every_account_once check (
        accounts = rated + without_history + without_price + without_price_before),
    constraint gaps_are_listed check (without_price = jsonb_array_length(accounts_without_price))
);

-- Who switched a tariff on, upon which decision and which figures.
create table tariff_switch (
    switch_id      bigint generated always as identity primary key,
    tariff_sha256  text not null unique references input_file,
    impact_id      bigint not null,
    name           text not null check (name ~ '^[^/]+\.toml$'),
    title          text not null,
    decision       text not null check (decision !~* '^\s*(unknown|$)'),
    basis          text not null check (basis !~* '^\s*(unknown|$)'),
    decided_on     date not null,
    published_on   date not null,
    valid_from     date not null unique,
    switched_by    text not null,
    switched_via   text not null check (switched_via in ('airflow', 'cli')),
    note           text not null check (note <> ''),
    event_at       timestamptz not null,
    recorded_at    timestamptz not null default clock_timestamp(),
    foreign key (impact_id, tariff_sha256, valid_from) references tariff_impact (impact_id, tariff_sha256, valid_from),
    constraint days_in_order check (decided_on <= published_on and published_on < valid_from)
);

-- A tariff with gaps is not switched on, and nobody switches on upon figures of his own.
create function refuse_unfit_switch() returns trigger language plpgsql as $$
declare
    computed public.tariff_impact;
begin
    select * into computed from public.tariff_impact i where i.impact_id = new.impact_id;
    if computed.recorded_by <> new.switched_by and computed.without_price = 0 then
        return new;
    end if;
    raise exception 'tariff_switch: impact % was computed by % and leaves % accounts without a price',
        new.impact_id, computed.recorded_by, computed.without_price using errcode = 'OB002';
end $$;

create trigger fit before insert on tariff_switch for each row execute function refuse_unfit_switch();

do $$
declare
    name text;
begin
    foreach name in array array['tariff_impact', 'tariff_switch'] loop
        execute format('create trigger append_only before update or delete on %I
                        for each row execute function refuse_change()', name);
        execute format('create trigger append_only_truncate before truncate on %I
                        for each statement execute function refuse_change()', name);
    end loop;
end $$;

grant select on tariff_impact, tariff_switch to obieg_app, obieg_auditor;
grant insert on tariff_impact, tariff_switch to obieg_app;
