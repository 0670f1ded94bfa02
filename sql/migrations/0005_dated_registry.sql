-- The registry as dated facts: what changes in the world is a row with its days, and each row says who began it, who
-- ended it and when we were told. Nothing is deleted; a day in the past is answered by the rows that hold it.

-- ── changes: what a person asked for, and what a second person said to it ───────────────────────────────────────
create table registry_change (
    change_id      bigint generated always as identity primary key,
    kind           text not null check (kind ~ '^[a-z_]+$'),
    account_id     bigint references account,
    effective_on   date not null,
    content        text not null,
    sha256         text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    reason         text not null check (reason <> ''),
    second_person  boolean not null,
    event_at       timestamptz not null,
    recorded_at    timestamptz not null default clock_timestamp(),
    recorded_by    text not null,
    recorded_via   text not null check (recorded_via in ('airflow', 'cli'))
);
create index registry_change_of_account on registry_change (account_id, change_id);

create table registry_change_decision (
    change_id    bigint primary key references registry_change,
    decision     text not null check (decision in ('applied', 'refused')),
    decided_by   text not null,
    decided_via  text not null check (decided_via in ('airflow', 'cli')),
    note         text not null,
    event_at     timestamptz not null,
    recorded_at  timestamptz not null default clock_timestamp()
);

create function refuse_own_decision() returns trigger language plpgsql as $$
begin
    if new.decision = 'applied' and exists (
        select 1 from public.registry_change c
        where c.change_id = new.change_id and c.second_person and c.recorded_by = new.decided_by) then
        raise exception 'change %: % asked for it, another person must decide', new.change_id, new.decided_by
            using errcode = 'OB002';
    end if;
    return new;
end $$;
create trigger four_eyes before insert on registry_change_decision
    for each row execute function refuse_own_decision();

-- ── what parties, accounts and contracts are like on a day ──────────────────────────────────────────────────────
-- ``(,)`` means: as far back, and as far on, as anybody has said.
create table party_details (
    party_id          bigint not null references party,
    kind              text not null check (kind in ('natural_person', 'organisation')),
    name              text not null,
    nip               text,
    street            text not null,
    postcode          text not null,
    city              text not null,
    valid             daterange not null,
    file_id           bigint,
    line_no           integer,
    change_id         bigint references registry_change,
    recorded_at       timestamptz not null default clock_timestamp(),
    recorded_by       text not null,
    ended_at          timestamptz,
    ended_by          text,
    ended_change_id   bigint references registry_change,
    foreign key (file_id, line_no) references import_row,
    constraint one_description_of_a_party_a_day exclude using gist (
        int8range(party_id, party_id, '[]') with &&, valid with &&)
);
insert into party_details (party_id, kind, name, nip, street, postcode, city, valid, file_id, line_no, recorded_at,
                           recorded_by)
select party_id, kind, name, nip, street, postcode, city, '(,)', file_id, line_no, recorded_at, recorded_by from party;
alter table party drop column kind, drop column name, drop column nip, drop column street, drop column postcode,
                  drop column city;

create table account_details (
    account_id        bigint not null references account,
    route             text not null check (route ~ '^[A-Z0-9]+$'),
    bank_account      text not null check (bank_account ~ '^[0-9]{26}$'),
    valid             daterange not null,
    file_id           bigint,
    line_no           integer,
    change_id         bigint references registry_change,
    recorded_at       timestamptz not null default clock_timestamp(),
    recorded_by       text not null,
    ended_at          timestamptz,
    ended_by          text,
    ended_change_id   bigint references registry_change,
    foreign key (file_id, line_no) references import_row,
    constraint one_description_of_an_account_a_day exclude using gist (
        int8range(account_id, account_id, '[]') with &&, valid with &&)
);
insert into account_details (account_id, route, bank_account, valid, file_id, line_no, recorded_at, recorded_by)
select account_id, route, bank_account, '(,)', file_id, line_no, recorded_at, recorded_by from account;
alter table account drop column route, drop column bank_account;
create index account_details_by_route on account_details (route);

create table contract_terms (
    contract_id       bigint not null references contract,
    tariff_class      text not null,
    services          text[] not null check (services <@ array['water', 'sewage'] and cardinality(services) > 0),
    valid             daterange not null,
    file_id           bigint,
    line_no           integer,
    change_id         bigint references registry_change,
    recorded_at       timestamptz not null default clock_timestamp(),
    recorded_by       text not null,
    ended_at          timestamptz,
    ended_by          text,
    ended_change_id   bigint references registry_change,
    foreign key (file_id, line_no) references import_row,
    constraint one_class_of_a_contract_a_day exclude using gist (
        int8range(contract_id, contract_id, '[]') with &&, valid with &&)
);
insert into contract_terms (contract_id, tariff_class, services, valid, file_id, line_no, recorded_at, recorded_by)
select contract_id, tariff_class, services, '(,)', file_id, line_no, recorded_at, recorded_by from contract;
alter table contract drop column tariff_class, drop column services;

-- ── who brought a fact, and who ended it ────────────────────────────────────────────────────────────────────────
do $$
declare
    name text;
begin
    foreach name in array array['party', 'account', 'point', 'contract', 'account_party', 'email_address', 'meter',
                                'installation', 'reading', 'consent_event'] loop
        execute format('alter table %I add column change_id bigint references registry_change', name);
    end loop;
    foreach name in array array['contract', 'account_party', 'email_address', 'installation'] loop
        execute format('alter table %I add column ended_at timestamptz, add column ended_by text,
                        add column ended_change_id bigint references registry_change', name);
    end loop;
end $$;
alter table reading alter column file_id drop not null, alter column line_no drop not null,
    add constraint came_from_somewhere check (num_nonnulls(file_id, change_id) = 1);
alter table consent_event alter column file_id drop not null, alter column line_no drop not null,
    add constraint came_from_somewhere check (num_nonnulls(file_id, change_id) = 1);

-- A fact ends once. What is left open may get its last day; a day that is set stands, and the past is not rewritten.
create function note_end() returns trigger language plpgsql as $$
begin
    if not upper_inf(old.valid) or lower(new.valid) is distinct from lower(old.valid) and not isempty(new.valid) then
        raise exception '%: an end that stands is not moved', tg_table_name using errcode = 'OB002';
    end if;
    new.ended_at := clock_timestamp();
    return new;
end $$;
create trigger ends_once before update of valid on party_details
    for each row when (old.valid is distinct from new.valid) execute function note_end();
create trigger ends_once before update of valid on account_details
    for each row when (old.valid is distinct from new.valid) execute function note_end();
create trigger ends_once before update of valid on contract_terms
    for each row when (old.valid is distinct from new.valid) execute function note_end();
create trigger ends_once before update of valid on contract
    for each row when (old.valid is distinct from new.valid) execute function note_end();
create trigger ends_once before update of valid on account_party
    for each row when (old.valid is distinct from new.valid) execute function note_end();
create trigger ends_once before update of valid on email_address
    for each row when (old.valid is distinct from new.valid) execute function note_end();

create trigger append_only before update or delete on registry_change for each row execute function refuse_change();
create trigger append_only_truncate before truncate on registry_change
    for each statement execute function refuse_change();
create trigger append_only before update or delete on registry_change_decision
    for each row execute function refuse_change();
create trigger append_only_truncate before truncate on registry_change_decision
    for each statement execute function refuse_change();

-- ── the registry as of any day, by one query ────────────────────────────────────────────────────────────────────
-- Whether a dated fact held on ``on_day`` as far as was known at ``known_at``: what was written down later does not
-- count yet, and neither does an end of which nobody had told us.
create function held(valid daterange, recorded_at timestamptz, ended_at timestamptz, on_day date, known_at timestamptz)
returns boolean language sql immutable as $$
    select recorded_at <= known_at
           and (valid @> on_day
                or ended_at > known_at and coalesce(lower(valid) <= on_day, lower_inf(valid)))
$$;

-- One row a contract in force on ``on_day``, with everything that decides who is billed for what, how and where to. The
-- channel is derived from the consents and always told as they are known now.
create function registry_on(on_day date, known_at timestamptz default 'infinity')
returns table (
    account_no text, route text, bank_account text, payer_no text, payer_name text, nabywca_no text, nabywca_name text,
    contract_no text, contract_from date, contract_until date, point_no text, tariff_class text, services text[],
    meter_nos text[], channel text, email text, email_state text)
language sql stable as $$
    with party_name as (
        select r.account_id, r.role, p.party_no, d.name
        from account_party r
        join party p using (party_id)
        left join party_details d on d.party_id = r.party_id
              and held(d.valid, d.recorded_at, d.ended_at, on_day, known_at)
        where held(r.valid, r.recorded_at, r.ended_at, on_day, known_at)
    )
    select a.account_no, d.route, d.bank_account, payer.party_no, payer.name, nabywca.party_no, nabywca.name,
           c.contract_no, lower(c.valid), case when c.ended_at > known_at then null else upper(c.valid) end,
           p.point_no, t.tariff_class, t.services,
           (select array_agg(m.meter_no order by m.meter_no)
            from installation i join meter m using (meter_id)
            where i.point_id = c.point_id
              and held(daterange(i.installed_on, i.removed_on), i.recorded_at, i.ended_at, on_day, known_at)),
           coalesce(agreed.channel, 'paper'), e.address, e.state
    from contract c
    join account a using (account_id)
    join point p using (point_id)
    left join account_details d on d.account_id = c.account_id
          and held(d.valid, d.recorded_at, d.ended_at, on_day, known_at)
    left join contract_terms t on t.contract_id = c.contract_id
          and held(t.valid, t.recorded_at, t.ended_at, on_day, known_at)
    left join party_name payer on payer.account_id = c.account_id and payer.role = 'payer'
    left join party_name nabywca on nabywca.account_id = c.account_id and nabywca.role = 'nabywca'
    left join email_address e on e.account_id = c.account_id
          and held(e.valid, e.recorded_at, e.ended_at, on_day, known_at)
    left join delivery_preference agreed on agreed.account_id = c.account_id and agreed.valid @> on_day
    where held(c.valid, c.recorded_at, c.ended_at, on_day, known_at)
$$;

grant select on registry_change, registry_change_decision, party_details, account_details, contract_terms
    to obieg_app, obieg_auditor;
grant insert on registry_change, registry_change_decision, party_details, account_details, contract_terms to obieg_app;
grant update (valid, ended_by, ended_change_id) on party_details, account_details, contract_terms, contract,
    account_party, email_address to obieg_app;
grant update (ended_at, ended_by, ended_change_id) on installation to obieg_app;
