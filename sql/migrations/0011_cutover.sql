-- Cut-over: what the old billing system hands over, up to where it has billed, and past cycles computed again.

-- Words are added to those that are allowed so far, whichever they are.
do $$
declare
    one record;
begin
    for one in select c.conname, c.conrelid::regclass as place, pg_get_constraintdef(c.oid) as definition
               from pg_constraint c
               where c.conname in ('import_file_kind_check', 'reading_source_check') loop
        execute format('alter table %s drop constraint %I', one.place, one.conname);
        execute format('alter table %s add constraint %I %s', one.place, one.conname,
                       replace(one.definition, 'ARRAY[', 'ARRAY[''cutover''::text, '));
    end loop;
end $$;

-- What the old system keeps as evidence of a statement that was taken over.
alter table consent_event add column evidence text check (evidence <> '' and length(evidence) <= 500);

-- ── the cut-over itself: begun by the first load, ended by a second person ──────────────────────────────────────
create table cutover (
    only_row     boolean primary key default true check (only_row),
    as_of        date not null,
    begun_by     text not null,
    begun_via    text not null check (begun_via in ('airflow', 'cli')),
    event_at     timestamptz not null,
    recorded_at  timestamptz not null default clock_timestamp()
);

create table cutover_switch (
    only_row       boolean primary key default true references cutover,
    switched_by    text not null,
    switched_via   text not null check (switched_via in ('airflow', 'cli')),
    note           text not null check (note <> ''),
    totals         text not null,
    totals_sha256  text not null check (totals_sha256 ~ '^[0-9a-f]{64}$'),
    event_at       timestamptz not null,
    recorded_at    timestamptz not null default clock_timestamp()
);

-- ── what the old system hands over ──────────────────────────────────────────────────────────────────────────────
-- A row that a later file corrected before the switch-on stays and has ``replaced_at``.
create table opening_position (
    position_id     bigint generated always as identity primary key,
    installation_id bigint not null references installation,
    reading_id      bigint not null unique references reading,
    last_billed_on  date not null,
    index_m3        numeric(12, 3) not null check (index_m3 >= 0),
    quality         text not null check (quality in ('actual', 'customer', 'estimated')),
    file_id         bigint not null,
    line_no         integer not null,
    replaced_at     timestamptz,
    event_at        timestamptz not null default business_now(),
    recorded_at     timestamptz not null default clock_timestamp(),
    recorded_by     text not null,
    foreign key (file_id, line_no) references import_row
);
create unique index opening_position_stands on opening_position (installation_id) where replaced_at is null;

create table opening_balance (
    balance_id             bigint generated always as identity primary key,
    account_id             bigint not null references account,
    balance_zl             numeric(12, 2) not null,
    standing_billed_until  date,
    file_id                bigint not null,
    line_no                integer not null,
    replaced_at            timestamptz,
    event_at               timestamptz not null default business_now(),
    recorded_at            timestamptz not null default clock_timestamp(),
    recorded_by            text not null,
    foreign key (file_id, line_no) references import_row
);
create unique index opening_balance_stands on opening_balance (account_id) where replaced_at is null;

create table opening_series (
    opening_series_id  bigint generated always as identity primary key,
    series             text not null,
    last_number        bigint not null check (last_number >= 0),
    file_id            bigint not null,
    line_no            integer not null,
    replaced_at        timestamptz,
    event_at           timestamptz not null default business_now(),
    recorded_at        timestamptz not null default clock_timestamp(),
    recorded_by        text not null,
    foreign key (file_id, line_no) references import_row
);
create unique index opening_series_stands on opening_series (series) where replaced_at is null;

create table consumption_history (
    history_id       bigint generated always as identity primary key,
    installation_id  bigint not null references installation,
    period           daterange not null check (not isempty(period)),
    volume_m3        numeric(12, 3) not null,
    quality          text not null check (quality in ('actual', 'customer', 'estimated')),
    old_invoice_no   text,
    gross_zl         numeric(12, 2),
    file_id          bigint not null,
    line_no          integer not null,
    replaced_at      timestamptz,
    event_at         timestamptz not null default business_now(),
    recorded_at      timestamptz not null default clock_timestamp(),
    recorded_by      text not null,
    foreign key (file_id, line_no) references import_row,
    constraint no_day_twice_in_history exclude using gist (
        int8range(installation_id, installation_id, '[]') with &&, period with &&) where (replaced_at is null)
);
create index consumption_history_of_installation on consumption_history (installation_id, lower(period));

-- The old system's totals; those of the newest file count.
create table cutover_control (
    file_id      bigint not null,
    line_no      integer not null,
    name         text not null,
    value        numeric not null,
    recorded_at  timestamptz not null default clock_timestamp(),
    primary key (file_id, name),
    foreign key (file_id, line_no) references import_row
);

-- Rows that were rejected or set aside, by the file's kind and the key that the row names: each is mended by a later file,
-- or a person says that nothing is missing without it.
create table cutover_refused_row (
    file_id      bigint not null,
    line_no      integer not null,
    kind         text not null check (kind in ('positions', 'balances', 'history', 'series')),
    key          text not null,
    recorded_at  timestamptz not null default clock_timestamp(),
    primary key (file_id, line_no),
    foreign key (file_id, line_no) references import_row
);

create table cutover_dismissal (
    file_id        bigint not null,
    line_no        integer not null,
    dismissed_by   text not null,
    dismissed_via  text not null check (dismissed_via in ('airflow', 'cli')),
    note           text not null check (note <> ''),
    event_at       timestamptz not null,
    recorded_at    timestamptz not null default clock_timestamp(),
    primary key (file_id, line_no),
    foreign key (file_id, line_no) references cutover_refused_row
);

-- ── guards ──────────────────────────────────────────────────────────────────────────────────────────────────────
create function refuse_after_switch() returns trigger language plpgsql as $$
begin
    if exists (select 1 from public.cutover_switch) then
        raise exception '%: the cut-over has been switched on, nothing more is taken over', tg_table_name
            using errcode = 'OB002';
    end if;
    return null;
end $$;

create function refuse_all_but_replacing() returns trigger language plpgsql as $$
begin
    if old.replaced_at is null and new.replaced_at is not null
       and to_jsonb(new) - 'replaced_at' = to_jsonb(old) - 'replaced_at'
       and not exists (select 1 from public.cutover_switch) then
        return new;
    end if;
    raise exception '% is append-only: % refused', tg_table_name, tg_op using errcode = 'OB001';
end $$;

do $$
declare
    name text;
begin
    foreach name in array array['opening_position', 'opening_balance', 'opening_series', 'consumption_history'] loop
        execute format('create trigger replaced_once before update on %I
                        for each row execute function refuse_all_but_replacing()', name);
        execute format('create trigger append_only before delete on %I
                        for each row execute function refuse_change()', name);
    end loop;
    foreach name in array array['cutover', 'cutover_switch', 'cutover_control', 'cutover_refused_row',
                                'cutover_dismissal'] loop
        execute format('create trigger append_only before update or delete on %I
                        for each row execute function refuse_change()', name);
    end loop;
    foreach name in array array['opening_position', 'opening_balance', 'opening_series', 'consumption_history',
                                'cutover_control', 'cutover_refused_row', 'cutover_dismissal'] loop
        execute format('create trigger before_the_switch before insert on %I
                        for each statement execute function refuse_after_switch()', name);
    end loop;
    foreach name in array array['opening_position', 'opening_balance', 'opening_series', 'consumption_history',
                                'cutover', 'cutover_switch', 'cutover_control', 'cutover_refused_row',
                                'cutover_dismissal'] loop
        execute format('create trigger append_only_truncate before truncate on %I
                        for each statement execute function refuse_change()', name);
        execute format('grant select on %I to obieg_app, obieg_auditor', name);
        execute format('grant insert on %I to obieg_app', name);
    end loop;
    foreach name in array array['opening_position', 'opening_balance', 'opening_series', 'consumption_history'] loop
        execute format('grant update (replaced_at) on %I to obieg_app', name);
    end loop;
end $$;

-- Who takes over bills nothing of his own yet, and who loaded does not switch on.
create function refuse_late_cutover() returns trigger language plpgsql as $$
begin
    if exists (select 1 from public.cycle where not dry_run and state <> 'rejected') then
        raise exception 'cutover: cycles have billed or are about to bill' using errcode = 'OB002';
    end if;
    return new;
end $$;
create trigger before_any_cycle before insert on cutover for each row execute function refuse_late_cutover();

create function refuse_own_switch() returns trigger language plpgsql as $$
begin
    if exists (select 1 from public.cutover where begun_by = new.switched_by)
       or exists (select 1 from public.import_file
                  where kind in ('cutover', 'registry', 'consents') and status = 'accepted'
                    and recorded_by = new.switched_by)
       or exists (select 1 from public.cutover_dismissal where dismissed_by = new.switched_by) then
        raise exception 'cutover_switch: % loaded, another person must switch on', new.switched_by
            using errcode = 'OB002';
    end if;
    return new;
end $$;
create trigger four_eyes before insert on cutover_switch for each row execute function refuse_own_switch();

create function refuse_before_switch() returns trigger language plpgsql as $$
begin
    if exists (select 1 from public.cutover) and not exists (select 1 from public.cutover_switch) then
        raise exception 'cycle %: the cut-over has not been switched on', new.cycle_key using errcode = 'OB002';
    end if;
    return new;
end $$;
create trigger after_the_switch before insert on cycle
    for each row when (not new.dry_run) execute function refuse_before_switch();

-- A series goes on behind the last number of the old system, else it begins at the beginning.
create function refuse_other_start() returns trigger language plpgsql as $$
declare
    last_number bigint;
begin
    select o.last_number into last_number
    from public.opening_series o where o.series = new.series and o.replaced_at is null;
    if new.last_sequence = coalesce(last_number, 0) then
        return new;
    end if;
    raise exception 'series %: begins behind %, not behind %', new.series, coalesce(last_number, 0), new.last_sequence
        using errcode = 'OB002';
end $$;
drop trigger legal_start on invoice_series;
create trigger legal_start before insert on invoice_series
    for each row when (current_user = 'obieg_app') execute function refuse_other_start();

-- ── the days that the old system has billed ─────────────────────────────────────────────────────────────────────
-- Up to the first position of a point all its days are settled; of a meter that came later, those since it came.
create view point_settled as
    select i.point_id,
           daterange(case when exists (
                         select 1 from installation e join opening_position q using (installation_id)
                         where e.point_id = i.point_id and e.installed_on < i.installed_on and q.replaced_at is null)
                     then i.installed_on end, p.last_billed_on) as days
    from opening_position p
    join installation i using (installation_id)
    where p.replaced_at is null;

create view settled_day as
    select c.account_id, c.point_id, service, c.valid * s.days as period
    from contract c
    join point_settled s on s.point_id = c.point_id and s.days && c.valid
    cross join unnest(array['water', 'sewage']) as service
    union all
    select b.account_id, null, 'abonament', daterange(null, b.standing_billed_until)
    from opening_balance b
    where b.replaced_at is null and b.standing_billed_until is not null;

-- Every day that is billed: as an invoice, as a draft, or by the old system.
create or replace view billed_day as
    select account_id, point_id, service, period from billed_period
    union all
    select account_id, point_id, service, period from drafted_period
    union all
    select account_id, point_id, service, period from settled_day;

create function refuse_settled_day() returns trigger language plpgsql as $$
begin
    if new.service = 'abonament' then
        if exists (select 1 from public.opening_balance b
                   where b.account_id = new.account_id and b.replaced_at is null
                     and b.standing_billed_until > lower(new.period)) then
            raise exception 'abonament %: the old system has billed it', new.period using errcode = 'OB002';
        end if;
    elsif exists (select 1 from public.point_settled s where s.point_id = new.point_id and s.days && new.period) then
        raise exception '% %: the old system has billed it', new.service, new.period using errcode = 'OB002';
    end if;
    return new;
end $$;
create trigger not_settled before insert on billed_period for each row execute function refuse_settled_day();
create trigger not_settled before insert on drafted_period for each row execute function refuse_settled_day();

-- ── what a point used, whoever billed it ────────────────────────────────────────────────────────────────────────
create view point_consumption as
    select i.point_id, m.meter_no, i.register, h.period, h.volume_m3, h.quality, 'old_system' as billed_by,
           h.old_invoice_no as invoice_no
    from consumption_history h
    join installation i using (installation_id)
    join meter m using (meter_id)
    where h.replaced_at is null
    union all
    select b.point_id, l.meter_no, r.register, b.period, l.quantity, r.quality, 'obieg', v.invoice_no
    from billed_period b
    join invoice v using (invoice_id)
    join charge_line l on l.charge_id = v.charge_id and l.line_no = b.line_no
    join reading r on r.reading_id = l.current_reading_id
    where b.service = 'water'
       or (b.service = 'sewage' and not exists (
               select 1 from charge_line w
               where w.charge_id = l.charge_id and w.service = 'water' and w.current_reading_id = l.current_reading_id));

-- By calendar month, each period spread evenly over its days; ``days`` of the month are known.
create function consumption_by_month(point bigint, from_day date, until_day date)
returns table (month date, volume_m3 numeric, days integer, estimated boolean) language sql stable as $$
    select m.month::date, round(sum(p.volume_m3 * d.days / (upper(p.period) - lower(p.period))), 3), sum(d.days)::integer,
           bool_or(p.quality = 'estimated')
    from generate_series(date_trunc('month', from_day::timestamp), until_day::timestamp - interval '1 day',
                         interval '1 month') as m (month)
    join point_consumption p on p.point_id = point and p.period && daterange(from_day, until_day)
    cross join lateral (
        select least(upper(p.period), (m.month + interval '1 month')::date, until_day)
               - greatest(lower(p.period), m.month::date, from_day) as days) d
    where d.days > 0
    group by m.month
    order by m.month
$$;

-- ── past cycles of the old system, computed again ───────────────────────────────────────────────────────────────
create table parallel_run (
    run_id       bigint generated always as identity primary key,
    name         text not null check (name ~ '^[A-Za-z0-9_.-]+$'),
    attempt      integer not null check (attempt > 0),
    sha256s      text[] not null,
    compared     integer not null,
    equal        integer not null,
    differing    integer not null,
    event_at     timestamptz not null,
    recorded_at  timestamptz not null default clock_timestamp(),
    started_by   text not null,
    started_via  text not null check (started_via in ('airflow', 'cli')),
    unique (name, attempt),
    constraint every_account_once check (compared = equal + differing)
);

create table parallel_result (
    run_id         bigint not null references parallel_run,
    account_no     text not null,
    invoice_no     text,
    cause          text,
    facts          jsonb not null,
    old_gross_zl   numeric(12, 2),
    new_gross_zl   numeric(12, 2),
    difference_zl  numeric(12, 2) not null,
    fingerprint    text,
    old            text,
    new            text,
    recorded_at    timestamptz not null default clock_timestamp(),
    primary key (run_id, account_no),
    constraint a_difference_is_named check ((cause is null) = (fingerprint is null)),
    constraint equal_to_the_grosz check (cause is not null or difference_zl = 0)
);

create table parallel_acceptance (
    name          text not null,
    account_no    text not null,
    fingerprint   text not null,
    note          text not null check (note <> ''),
    accepted_by   text not null,
    accepted_via  text not null check (accepted_via in ('airflow', 'cli')),
    event_at      timestamptz not null,
    recorded_at   timestamptz not null default clock_timestamp(),
    primary key (name, account_no, fingerprint)
);

-- The newest attempt of each run, with how many of its differences a person has accepted.
create view parallel_state as
    select r.run_id, r.name, r.attempt, r.compared, r.equal, r.event_at, r.started_by,
           count(x.account_no) filter (where a.account_no is not null)::integer as accepted,
           count(x.account_no) filter (where a.account_no is null)::integer as differing
    from (select distinct on (name) * from parallel_run order by name, attempt desc) r
    left join parallel_result x on x.run_id = r.run_id and x.cause is not null
    left join parallel_acceptance a
           on a.name = r.name and a.account_no = x.account_no and a.fingerprint = x.fingerprint
    group by r.run_id, r.name, r.attempt, r.compared, r.equal, r.event_at, r.started_by;

do $$
declare
    name text;
begin
    foreach name in array array['parallel_run', 'parallel_result', 'parallel_acceptance'] loop
        execute format('create trigger append_only before update or delete on %I
                        for each row execute function refuse_change()', name);
        execute format('create trigger append_only_truncate before truncate on %I
                        for each statement execute function refuse_change()', name);
        execute format('grant select on %I to obieg_app, obieg_auditor', name);
        execute format('grant insert on %I to obieg_app', name);
    end loop;
end $$;
grant select on point_settled, settled_day, point_consumption, parallel_state to obieg_app, obieg_auditor;
