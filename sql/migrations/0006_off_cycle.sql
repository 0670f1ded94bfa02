-- Bills for single accounts between the regular cycles, and an end for every hold.

-- ── off-cycle: the same cycle, for named accounts instead of routes ──────────────────────────────────────────────
alter table cycle
    drop constraint cycle_kind_check,
    add constraint cycle_kind_check check (kind in ('regular', 'off_cycle')),
    add column purpose text check (purpose in ('first', 'final', 'released_hold', 'on_demand')),
    add constraint off_cycle_has_a_purpose check ((kind = 'off_cycle') = (purpose is not null)),
    add constraint off_is_no_route check ((kind = 'off_cycle') = (route_set = 'OFF')),
    add constraint cycle_of_kind unique (cycle_id, kind);

drop index cycle_live;
create unique index cycle_live on cycle (period, route_set)
    where state not in ('rejected', 'dry') and kind = 'regular';

create table cycle_account (
    cycle_id     bigint not null,
    account_id   bigint not null references account,
    kind         text not null default 'off_cycle' check (kind = 'off_cycle'),
    event_at     timestamptz not null,
    recorded_at  timestamptz not null default clock_timestamp(),
    recorded_by  text not null,
    primary key (cycle_id, account_id),
    constraint only_off_cycles_name_accounts foreign key (cycle_id, kind) references cycle (cycle_id, kind)
);

create function refuse_late_account() returns trigger language plpgsql as $$
begin
    if exists (select 1 from public.cycle c where c.cycle_id = new.cycle_id and c.state = 'opened') then
        return new;
    end if;
    raise exception 'cycle_account: cycle % takes no more accounts', new.cycle_id using errcode = 'OB002';
end $$;
create trigger before_the_freeze before insert on cycle_account
    for each row execute function refuse_late_account();

alter table invoice
    drop constraint invoice_kind_check,
    add constraint invoice_kind_check check (kind in ('regular', 'final')),
    add constraint invoice_of_account unique (invoice_id, account_id);

-- ── how a hold ends: once ────────────────────────────────────────────────────────────────────────────────────────
-- billed by an invoice of the same account, drafted by a draft of it for KSeF, or waived by a person with a reason.
create table hold_resolution (
    cycle_id        bigint not null,
    account_id      bigint not null,
    outcome         text not null check (outcome in ('billed', 'drafted', 'waived')),
    invoice_id      bigint,
    draft_cycle_id  bigint,
    reason          text check (reason <> ''),
    resolved_by     text not null,
    resolved_via    text not null check (resolved_via in ('airflow', 'cli')),
    event_at        timestamptz not null,
    recorded_at     timestamptz not null default clock_timestamp(),
    primary key (cycle_id, account_id),
    foreign key (cycle_id, account_id) references hold,
    constraint billed_to_the_same_account foreign key (invoice_id, account_id)
        references invoice (invoice_id, account_id),
    constraint drafted_for_the_same_account foreign key (draft_cycle_id, account_id) references hold,
    constraint billed_names_its_invoice check ((outcome = 'billed') = (invoice_id is not null)),
    constraint drafted_names_its_draft check ((outcome = 'drafted') = (draft_cycle_id is not null)),
    constraint waived_says_why check ((outcome = 'waived') = (reason is not null))
);
create index hold_resolution_of_account on hold_resolution (account_id);
create index hold_resolution_by_invoice on hold_resolution (invoice_id) where invoice_id is not null;
create index hold_of_account on hold (account_id);

-- Days of a contract that had ended when its account's hold was waived: nobody will be billed for them.
create table waived_days (
    cycle_id     bigint not null,
    account_id   bigint not null,
    contract_id  bigint not null unique references contract,
    point_id     bigint not null references point,
    days         daterange not null check (not isempty(days) and not upper_inf(days)),
    event_at     timestamptz not null,
    recorded_at  timestamptz not null default clock_timestamp(),
    recorded_by  text not null,
    primary key (cycle_id, account_id, contract_id),
    foreign key (cycle_id, account_id) references hold_resolution
);

-- A hold waits for its end when it needs somebody's work, its cycle is issued, and nothing has ended it.
create view open_hold as
    select h.cycle_id, h.account_id, y.cycle_key, a.account_no, h.code, y.period, y.issue_date,
           (business_now() at time zone 'Europe/Warsaw')::date - y.issue_date as age_days, h.facts
    from hold h
    join cycle y using (cycle_id)
    join account a using (account_id)
    where not h.excluded and y.state in ('issued', 'closed')
      and not exists (select 1 from hold_resolution r
                      where r.cycle_id = h.cycle_id and r.account_id = h.account_id);

create function refuse_closed_hold() returns trigger language plpgsql as $$
begin
    if exists (select 1 from public.hold h join public.cycle y using (cycle_id)
               where h.cycle_id = new.cycle_id and h.account_id = new.account_id
                 and not h.excluded and y.state in ('issued', 'closed')) then
        return new;
    end if;
    raise exception 'hold_resolution: account % is not held by an issued cycle %', new.account_id, new.cycle_id
        using errcode = 'OB002';
end $$;
create trigger of_an_issued_cycle before insert on hold_resolution
    for each row execute function refuse_closed_hold();

-- ── months that were given up are never billed ───────────────────────────────────────────────────────────────────
create function refuse_waived_month() returns trigger language plpgsql as $$
declare
    account bigint;
begin
    select a.account_id into account
    from added a
    join public.hold_resolution r on r.account_id = a.account_id and r.outcome = 'waived'
    join public.cycle y on y.cycle_id = r.cycle_id
    where a.service = 'abonament' and y.period && a.period
    limit 1;
    if account is not null then
        raise exception '%: a month of account % was waived', tg_table_name, account using errcode = 'OB002';
    end if;
    return null;
end $$;
create trigger not_waived after insert on billed_period referencing new table as added
    for each statement execute function refuse_waived_month();
create trigger not_waived after insert on drafted_period referencing new table as added
    for each statement execute function refuse_waived_month();

-- ── from which day the standing charge is owed ───────────────────────────────────────────────────────────────────
-- A month that was begun and billed is paid: the next one owed is the first that begins at or after ``billed_until``.
create function first_open_month(billed_until date) returns date language sql immutable as
    $$ select (date_trunc('month', (billed_until - 1)::timestamp) + interval '1 month')::date $$;

-- For an account (or one of its points, where each point owes it) and a cycle that starts on ``cycle_start``: the first
-- month not billed; of an account that was never billed the first one in which it waited, or in which a
-- contract of it was recorded late; and the months given up.
create function standing_owed(of_account bigint, of_point bigint, cycle_start date)
returns table (standing_from date, waived datemultirange) language sql stable as $$
    select coalesce(
               first_open_month((select max(upper(b.period)) from billed_day b
                                 where b.account_id = of_account and b.service = 'abonament'
                                   and (of_point is null or b.point_id is null or b.point_id = of_point))),
               least(cycle_start,
                     (select min(lower(y.period)) from hold h join cycle y using (cycle_id)
                      where h.account_id = of_account and (not h.excluded or h.code = 'IN_OTHER_CYCLE')
                        and y.state in ('issued', 'closed') and lower(y.period) < cycle_start
                        and not exists (select 1 from hold_resolution r
                                        where r.cycle_id = h.cycle_id and r.account_id = h.account_id)),
                     (select min(lower(c.valid)) from contract c
                      where c.account_id = of_account
                        and (c.change_id is not null
                             or c.recorded_at > (select min(s.started_at) from step_run s join cycle y using (cycle_id)
                                                 where s.step = 'freeze' and y.state in ('issued', 'closed')))
                        and (of_point is null or c.point_id = of_point)))),
           (select range_agg(y.period) from hold_resolution r join cycle y using (cycle_id)
            where r.account_id = of_account and r.outcome = 'waived')
$$;

-- ── holds that ended before there was a word for it ──────────────────────────────────────────────────────────────
insert into hold_resolution (cycle_id, account_id, outcome, invoice_id, draft_cycle_id, resolved_by, resolved_via,
                             event_at)
select h.cycle_id, h.account_id, case when ending.invoice_id is null then 'drafted' else 'billed' end,
       ending.invoice_id, case when ending.invoice_id is null then ending.cycle_id end, 'migration', 'cli',
       ending.event_at
from hold h
join cycle y using (cycle_id)
join lateral (
    select i.invoice_id, i.cycle_id, i.event_at
    from invoice i join cycle later on later.cycle_id = i.cycle_id
    where i.account_id = h.account_id and i.cycle_id > h.cycle_id and upper(later.period) >= upper(y.period)
    union all
    select null, d.cycle_id, d.recorded_at
    from hold d join cycle later on later.cycle_id = d.cycle_id
    where d.account_id = h.account_id and d.draft is not null and later.state in ('issued', 'closed')
      and d.cycle_id >= h.cycle_id and upper(later.period) >= upper(y.period)
    order by cycle_id
    limit 1
) ending on true
where not h.excluded and y.state in ('issued', 'closed');

-- ── append-only, least rights ────────────────────────────────────────────────────────────────────────────────────
do $$
declare
    name text;
begin
    foreach name in array array['cycle_account', 'hold_resolution', 'waived_days'] loop
        execute format('create trigger append_only before update or delete on %I
                        for each row execute function refuse_change()', name);
        execute format('create trigger append_only_truncate before truncate on %I
                        for each statement execute function refuse_change()', name);
    end loop;
end $$;
grant select on cycle_account, hold_resolution, waived_days, open_hold to obieg_app, obieg_auditor;
grant insert on cycle_account, hold_resolution, waived_days to obieg_app;
