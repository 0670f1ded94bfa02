-- Changes that people ask for: a fact that is replaced before it ever held keeps the day from which it had been told,
-- every end says who, and no fact of a change stands unless the change was decided.

-- ── a fact that never came to hold ──────────────────────────────────────────────────────────────────────────────
do $$
declare
    name text;
begin
    foreach name in array array['party_details', 'account_details', 'contract_terms', 'contract', 'account_party',
                                'email_address'] loop
        execute format('alter table %I add column told_from date', name);
    end loop;
end $$;

create or replace function note_end() returns trigger language plpgsql as $$
begin
    if not upper_inf(old.valid) or lower(new.valid) is distinct from lower(old.valid) and not isempty(new.valid) then
        raise exception '%: an end that stands is not moved', tg_table_name using errcode = 'OB002';
    end if;
    if new.ended_by is null then
        raise exception '%: an end says who ended it', tg_table_name using errcode = 'OB002';
    end if;
    new.ended_at := clock_timestamp();
    new.told_from := case when isempty(new.valid) then lower(old.valid) end;
    return new;
end $$;

create function note_removal() returns trigger language plpgsql as $$
begin
    if old.removed_on is not null then
        raise exception '%: an end that stands is not moved', tg_table_name using errcode = 'OB002';
    end if;
    if new.ended_by is null then
        raise exception '%: an end says who ended it', tg_table_name using errcode = 'OB002';
    end if;
    new.ended_at := clock_timestamp();
    return new;
end $$;
create trigger ends_once before update of removed_on on installation
    for each row when (old.removed_on is distinct from new.removed_on) execute function note_removal();

-- ── an address that died: when we were told, and by whom ────────────────────────────────────────────────────────
alter table email_address add column dead_at timestamptz, add column dead_by text;
create function note_death() returns trigger language plpgsql as $$
begin
    new.dead_at := clock_timestamp();
    return new;
end $$;
create trigger dies_once before update of state on email_address
    for each row when (old.state <> 'dead' and new.state = 'dead') execute function note_death();
grant update (dead_by) on email_address to obieg_app;

-- ── no fact of a change without its decision ────────────────────────────────────────────────────────────────────
create function refuse_undecided() returns trigger language plpgsql as $$
declare
    asked bigint := (to_jsonb(new) ->> tg_argv[0])::bigint;
begin
    if not exists (select 1 from public.registry_change_decision d
                   where d.change_id = asked and d.decision = 'applied') then
        raise exception '%: change % is not decided', tg_table_name, asked using errcode = 'OB002';
    end if;
    return null;
end $$;

do $$
declare
    name text;
begin
    foreach name in array array['party', 'account', 'point', 'contract', 'account_party', 'email_address', 'meter',
                                'installation', 'reading', 'consent_event', 'party_details', 'account_details',
                                'contract_terms'] loop
        execute format('create constraint trigger begun_by_a_decided_change after insert on %I
                        deferrable initially deferred for each row when (new.change_id is not null)
                        execute function refuse_undecided(''change_id'')', name);
    end loop;
    foreach name in array array['contract', 'account_party', 'email_address', 'installation', 'party_details',
                                'account_details', 'contract_terms'] loop
        execute format('create constraint trigger ended_by_a_decided_change after update on %I
                        deferrable initially deferred for each row
                        when (new.ended_change_id is distinct from old.ended_change_id
                              and new.ended_change_id is not null)
                        execute function refuse_undecided(''ended_change_id'')', name);
    end loop;
end $$;

-- ── every dated fact in one place, for people who ask who began and who ended it ────────────────────────────────
-- ``what`` holds the fields that the fact is about. A fact that never came to hold has no last day after its first.
create view registry_fact as
select 'party' as topic, p.party_no as subject, null::bigint as account_id, d.party_id, null::bigint as point_id,
       jsonb_build_object('kind', d.kind, 'name', d.name, 'nip', d.nip, 'street', d.street, 'postcode', d.postcode,
                          'city', d.city) as what,
       coalesce(d.told_from, lower(d.valid)) as valid_from, coalesce(d.told_from, upper(d.valid)) as valid_until,
       d.recorded_by, d.recorded_at, d.file_id, d.line_no, d.change_id, d.ended_by, d.ended_at, d.ended_change_id
from party_details d join party p using (party_id)
union all
select 'account', a.account_no, d.account_id, null, null,
       jsonb_build_object('route', d.route, 'bank_account', d.bank_account),
       coalesce(d.told_from, lower(d.valid)), coalesce(d.told_from, upper(d.valid)),
       d.recorded_by, d.recorded_at, d.file_id, d.line_no, d.change_id, d.ended_by, d.ended_at, d.ended_change_id
from account_details d join account a using (account_id)
union all
select 'role', a.account_no || ' ' || r.role, r.account_id, null, null, jsonb_build_object('party', p.party_no),
       coalesce(r.told_from, lower(r.valid)), coalesce(r.told_from, upper(r.valid)),
       r.recorded_by, r.recorded_at, r.file_id, r.line_no, r.change_id, r.ended_by, r.ended_at, r.ended_change_id
from account_party r join account a using (account_id) join party p using (party_id)
union all
select 'email', a.account_no, e.account_id, null, null,
       jsonb_build_object('email', e.address, 'state', e.state, 'confirmation', e.confirmation_kind),
       coalesce(e.told_from, lower(e.valid)), coalesce(e.told_from, upper(e.valid)),
       e.recorded_by, e.recorded_at, e.file_id, e.line_no, e.change_id, e.ended_by, e.ended_at, e.ended_change_id
from email_address e join account a using (account_id)
union all
select 'contract', c.contract_no, c.account_id, null, null,
       jsonb_build_object('account', a.account_no, 'point', p.point_no),
       coalesce(c.told_from, lower(c.valid)), coalesce(c.told_from, upper(c.valid)),
       c.recorded_by, c.recorded_at, c.file_id, c.line_no, c.change_id, c.ended_by, c.ended_at, c.ended_change_id
from contract c join account a using (account_id) join point p using (point_id)
union all
select 'terms', c.contract_no, c.account_id, null, null,
       jsonb_build_object('class', t.tariff_class, 'services', array_to_string(t.services, '+')),
       coalesce(t.told_from, lower(t.valid)), coalesce(t.told_from, upper(t.valid)),
       t.recorded_by, t.recorded_at, t.file_id, t.line_no, t.change_id, t.ended_by, t.ended_at, t.ended_change_id
from contract_terms t join contract c using (contract_id)
union all
select 'meter', m.meter_no || case i.register when 0 then '' else ':' || i.register end, null, null, i.point_id,
       jsonb_build_object('point', p.point_no, 'dials', i.dials, 'decimals', i.decimals), i.installed_on, i.removed_on,
       i.recorded_by, i.recorded_at, i.file_id, i.line_no, i.change_id, i.ended_by, i.ended_at, i.ended_change_id
from installation i join meter m using (meter_id) join point p using (point_id)
union all
select 'consent', a.account_no, s.account_id, null, null,
       jsonb_build_object('event', s.event, 'method', s.method, 'terms', t.label, 'email', s.email,
                          'outcome', v.outcome, 'signer', s.signer_name),
       coalesce(v.effective_from, (s.received_at at time zone 'Europe/Warsaw')::date), null,
       s.recorded_by, s.recorded_at, s.file_id, s.line_no, s.change_id, null, null, null
from consent_event s
join account a using (account_id)
left join terms_version t using (terms_id)
left join consent_conversion v using (consent_id);
grant select on registry_fact to obieg_app, obieg_auditor;

-- ── the registry as of any day, as before, and with what never came to hold ─────────────────────────────────────
create function held(valid daterange, told_from date, recorded_at timestamptz, ended_at timestamptz, on_day date,
                     known_at timestamptz) returns boolean language sql immutable as $$
    select recorded_at <= known_at
           and (valid @> on_day
                or ended_at > known_at and coalesce(lower(valid) <= on_day, told_from <= on_day, lower_inf(valid)))
$$;

create or replace function registry_on(on_day date, known_at timestamptz default 'infinity')
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
              and held(d.valid, d.told_from, d.recorded_at, d.ended_at, on_day, known_at)
        where held(r.valid, r.told_from, r.recorded_at, r.ended_at, on_day, known_at)
    )
    select a.account_no, d.route, d.bank_account, payer.party_no, payer.name, nabywca.party_no, nabywca.name,
           c.contract_no, coalesce(c.told_from, lower(c.valid)),
           case when c.ended_at > known_at then null else upper(c.valid) end,
           p.point_no, t.tariff_class, t.services,
           (select array_agg(m.meter_no order by m.meter_no)
            from installation i join meter m using (meter_id)
            where i.point_id = c.point_id
              and held(daterange(i.installed_on, i.removed_on), i.recorded_at, i.ended_at, on_day, known_at)),
           coalesce(agreed.channel, 'paper'), e.address,
           case when e.dead_at > known_at
                then case when e.confirmation_kind is null then 'unconfirmed' else 'confirmed' end
                else e.state end
    from contract c
    join account a using (account_id)
    join point p using (point_id)
    left join account_details d on d.account_id = c.account_id
          and held(d.valid, d.told_from, d.recorded_at, d.ended_at, on_day, known_at)
    left join contract_terms t on t.contract_id = c.contract_id
          and held(t.valid, t.told_from, t.recorded_at, t.ended_at, on_day, known_at)
    left join party_name payer on payer.account_id = c.account_id and payer.role = 'payer'
    left join party_name nabywca on nabywca.account_id = c.account_id and nabywca.role = 'nabywca'
    left join email_address e on e.account_id = c.account_id
          and held(e.valid, e.told_from, e.recorded_at, e.ended_at, on_day, known_at)
    left join delivery_preference agreed on agreed.account_id = c.account_id and agreed.valid @> on_day
    where held(c.valid, c.told_from, c.recorded_at, c.ended_at, on_day, known_at)
$$;

-- Looked up one by one: an exclusion constraint's index serves no plain equality.
create index party_details_of_party on party_details (party_id);
create index account_details_of_account on account_details (account_id);
create index contract_terms_of_contract on contract_terms (contract_id);
create index reading_of_change on reading (change_id) where change_id is not null;
create index consent_of_change on consent_event (change_id) where change_id is not null;
