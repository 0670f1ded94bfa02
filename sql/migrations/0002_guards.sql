-- What the checks compare rating with, and guards around the few things that may change.

-- ── prices, written down once more at the freeze, apart from what rating makes of them ──────────────────────────
create table cycle_group (
    cycle_id       bigint not null references cycle,
    tariff_sha256  text not null references input_file,
    tariff_group   text not null,
    tariff_class   text not null,
    channels       text[] not null check (channels <@ array['paper', 'email'] and cardinality(channels) > 0),
    tariff_from    date not null,
    standing_per   text not null check (standing_per in ('recipient', 'point')),
    primary key (cycle_id, tariff_sha256, tariff_group)
);

create table cycle_price (
    cycle_id       bigint not null,
    tariff_sha256  text not null,
    tariff_group   text not null,
    service        text not null check (service in ('water', 'sewage', 'abonament')),
    valid_from     date not null,
    net_zl         numeric(10, 4) not null,
    vat_rate       numeric not null,
    primary key (cycle_id, tariff_sha256, tariff_group, service, valid_from),
    foreign key (cycle_id, tariff_sha256, tariff_group) references cycle_group
);

-- What a day costs in a cycle: a price holds until the next one of its group or until the next tariff begins.
create view cycle_price_days as
with tariff as (
    select cycle_id, tariff_sha256, lead(tariff_from) over (partition by cycle_id order by tariff_from) as until
    from (select distinct cycle_id, tariff_sha256, tariff_from from cycle_group) each_once
)
select g.cycle_id, g.tariff_class, channel, p.service, g.tariff_sha256, g.tariff_group, p.net_zl,
       daterange(p.valid_from, least(t.until, lead(p.valid_from) over (
           partition by g.cycle_id, g.tariff_sha256, g.tariff_group, channel, p.service order by p.valid_from))) as days
from cycle_group g
join tariff t using (cycle_id, tariff_sha256)
join cycle_price p using (cycle_id, tariff_sha256, tariff_group)
cross join unnest(g.channels) as channel
where t.until is null or p.valid_from < t.until;

create trigger append_only before update or delete on cycle_group for each row execute function refuse_change();
create trigger append_only before update or delete on cycle_price for each row execute function refuse_change();
create trigger append_only_truncate before truncate on cycle_group for each statement execute function refuse_change();
create trigger append_only_truncate before truncate on cycle_price for each statement execute function refuse_change();
grant select on cycle_group, cycle_price, cycle_price_days to obieg_app, obieg_auditor;
grant insert on cycle_group, cycle_price to obieg_app;

-- ── the head of the evidence as each step saw it: a chain whose end was cut off still holds, but not here ─────────
alter table step_run
    add column evidence_seq bigint,
    add column evidence_hash bytea,
    add constraint head_is_whole check ((evidence_seq is null) = (evidence_hash is null));

-- ── states move only along the arrows of docs/way-of-the-data.md ────────────────────────────────────────────────
-- The arrows are the trigger's arguments, written source>target. Tables are named with their schema because an
-- application may make temporary ones, which are found first.
create function refuse_other_states() returns trigger language plpgsql as $$
begin
    if old.state || '>' || new.state = any (tg_argv) then
        return new;
    end if;
    raise exception '%: no way leads from % to %', tg_table_name, old.state, new.state using errcode = 'OB002';
end $$;

create trigger legal_state before update of state on cycle
    for each row when (old.state is distinct from new.state) execute function refuse_other_states(
        'opened>frozen', 'frozen>checked', 'frozen>dry', 'checked>approved', 'approved>issued', 'issued>closed',
        'opened>rejected', 'frozen>rejected', 'checked>rejected', 'approved>rejected');

create trigger legal_state before update of state on delivery
    for each row when (old.state is distinct from new.state) execute function refuse_other_states(
        'planned>archived', 'archived>ready',
        'ready>leased', 'ready>overdue', 'ready>packaged', 'ready>blocked',
        'leased>sending', 'leased>ready', 'leased>rejected', 'leased>blocked',
        'sending>accepted', 'sending>unknown', 'sending>rejected', 'sending>blocked', 'sending>ready',
        'unknown>accepted', 'unknown>ready', 'unknown>rejected',
        -- a person's decision
        'blocked>ready', 'blocked>rejected', 'overdue>ready', 'overdue>rejected', 'rejected>ready',
        'accepted>delivered', 'delivered>settled', 'accepted>bounced', 'delivered>bounced', 'packaged>sent');

-- A dead address is confirmed anew by a new row, with its evidence.
create trigger legal_state before update of state on email_address
    for each row when (old.state is distinct from new.state) execute function refuse_other_states(
        'unconfirmed>dead', 'confirmed>dead');

-- The owner may load what stood before; the application begins at the beginning.
create function refuse_late_start() returns trigger language plpgsql as $$
begin
    raise exception '%: nothing begins as %', tg_table_name, to_jsonb(new) ->> tg_argv[0] using errcode = 'OB002';
end $$;

create trigger legal_start before insert on cycle
    for each row when (current_user = 'obieg_app' and new.state <> 'opened')
    execute function refuse_late_start('state');
create trigger legal_start before insert on delivery
    for each row when (current_user = 'obieg_app' and new.state <> 'planned'
                       and not (new.state = 'ready' and new.channel = 'paper'))
    execute function refuse_late_start('state');
create trigger legal_start before insert on invoice_series
    for each row when (current_user = 'obieg_app' and new.last_sequence <> 0)
    execute function refuse_late_start('last_sequence');

-- ── an attempt ends once; only a doubt is resolved later ────────────────────────────────────────────────────────
create function refuse_second_end() returns trigger language plpgsql as $$
begin
    if old.outcome = 'unknown' and new.outcome is not null then
        return new;
    end if;
    raise exception 'attempt % of % has ended as %', old.attempt_no, old.delivery_id, old.outcome
        using errcode = 'OB002';
end $$;

create trigger ends_once before update on attempt
    for each row when (old.outcome is not null and old is distinct from new) execute function refuse_second_end();

-- ── numbers are used up one after the other ─────────────────────────────────────────────────────────────────────
create function refuse_gap() returns trigger language plpgsql as $$
declare
    used bigint;
    newest bigint;
begin
    select count(*), max(i.sequence) into used, newest
    from public.invoice i
    where i.series = old.series and i.sequence > old.last_sequence;
    if new.last_sequence = newest and new.last_sequence - old.last_sequence = used then
        return new;
    end if;
    raise exception 'series %: its % invoices after number % do not lead to %',
        old.series, used, old.last_sequence, new.last_sequence using errcode = 'OB002';
end $$;

create trigger no_gap before update of last_sequence on invoice_series
    for each row when (old.last_sequence <> new.last_sequence) execute function refuse_gap();

-- ── each event of the evidence follows the one before it ────────────────────────────────────────────────────────
create function refuse_loose_link() returns trigger language plpgsql as $$
declare
    loose bigint;
begin
    select min(a.seq) into loose
    from added a
    left join public.evidence before on before.seq = a.seq - 1
    where a.prev is distinct from case a.seq when 1 then decode(repeat('00', 32), 'hex') else before.hash end
       or a.seq < 1;
    if loose is not null then
        raise exception 'evidence: event % does not follow the one before it', loose using errcode = 'OB002';
    end if;
    return null;
end $$;

create trigger follows after insert on evidence referencing new table as added
    for each statement execute function refuse_loose_link();
