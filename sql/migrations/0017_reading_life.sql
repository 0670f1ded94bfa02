-- The life of a reading after it came in: decisions follow each other as documented, never on what is billed; estimates
-- with their method and inputs; and what a KSeF draft billed, reading by reading.

-- ── readings that drafts name ───────────────────────────────────────────────────────────────────────────────────
-- is_end: the draft bills up to this reading; else it goes on from it.
create table drafted_reading (
    cycle_id    bigint not null,
    account_id  bigint not null,
    reading_id  bigint not null references reading,
    is_end      boolean not null,
    primary key (cycle_id, account_id, reading_id, is_end),
    foreign key (cycle_id, account_id) references hold
);
create index drafted_reading_by_reading on drafted_reading (reading_id);

-- The readings that the lines of a draft (canonical JSON) name, those of their parts included.
create function readings_of_draft(draft text) returns table (reading_id bigint, is_end boolean)
language sql immutable parallel safe as $$
    select distinct cast(named.value as bigint), side.is_end
    from (values ('previous_reading_id', false), ('current_reading_id', true)) as side (field, is_end)
    cross join lateral jsonb_path_query(cast(draft as jsonb), cast('$.lines.**.' || side.field as jsonpath))
        as named (value)
    where jsonb_typeof(named.value) = 'number'
$$;

insert into drafted_reading (cycle_id, account_id, reading_id, is_end)
select h.cycle_id, h.account_id, n.reading_id, n.is_end
from hold h
cross join lateral readings_of_draft(h.draft) n
where h.draft is not null
  and exists (select 1 from drafted_period d where d.cycle_id = h.cycle_id and d.account_id = h.account_id);

-- ── what is billed ──────────────────────────────────────────────────────────────────────────────────────────────
-- Readings up to which an invoice, a draft or the old system has billed.
create view billed_up_to as
    select l.current_reading_id as reading_id from charge_line l join invoice using (charge_id)
    where l.current_reading_id is not null
    union all
    select p.current_reading_id from charge_line_part p join invoice using (charge_id)
    union all
    select d.reading_id from drafted_reading d where d.is_end
    union all
    select o.reading_id from opening_position o where o.replaced_at is null;

-- What bills a reading, as its end or as its beginning: opening, invoice, draft, or a draft that is in work.
create function reading_billed_by(asked bigint) returns text language sql stable as $$
    select case
        when exists (select 1 from public.opening_position o where o.reading_id = asked) then 'opening'
        when exists (
            select 1
            from public.reading r
            join public.reading other using (installation_id)
            join public.charge_line l on l.current_reading_id = other.reading_id
            join public.invoice using (charge_id)
            where r.reading_id = asked and asked in (l.previous_reading_id, l.current_reading_id))
          or exists (
            select 1
            from public.reading r
            join public.reading other using (installation_id)
            join public.charge_line_part p on p.current_reading_id = other.reading_id
            join public.invoice using (charge_id)
            where r.reading_id = asked and asked in (p.previous_reading_id, p.current_reading_id))
            then 'invoice'
        when exists (select 1 from public.drafted_reading d where d.reading_id = asked) then 'draft'
        when exists (
            select 1
            from public.reading r
            join public.installation i using (installation_id)
            join public.contract c using (point_id)
            join public.hold h on h.account_id = c.account_id and h.draft is not null
            join public.cycle y on y.cycle_id = h.cycle_id and not y.dry_run
                               and y.state in ('opened', 'frozen', 'checked', 'approved')
            cross join lateral public.readings_of_draft(h.draft) n
            where r.reading_id = asked and n.reading_id = asked)
            then 'draft_in_work'
        end
$$;

create index reading_suspect on reading (installation_id) where state = 'SUSPECT';

-- ── decisions follow each other ─────────────────────────────────────────────────────────────────────────────────
-- That another index shall count in place of an estimate takes two people: one asks, another one decides.
create table reading_request (
    request_id   bigint generated always as identity primary key,
    reading_id   bigint not null references reading,
    index_m3     numeric(12, 3) not null check (index_m3 >= 0),
    reason       text not null check (reason <> ''),
    asked_by     text not null,
    asked_via    text not null check (asked_via in ('airflow', 'cli')),
    event_at     timestamptz not null,
    recorded_at  timestamptz not null default clock_timestamp()
);
create index reading_request_by_reading on reading_request (reading_id);

alter table reading_decision
    add column request_id bigint unique references reading_request,
    add constraint a_request_is_for_an_edit check (request_id is null or decision = 'edited');
create index reading_decision_by_time on reading_decision (recorded_at);

-- The arrows are the trigger's arguments, written STATE>decision. The turn keeps a cycle from issuing the reading between
-- the look at what is billed and the commit.
create function refuse_wrong_decision() returns trigger language plpgsql as $$
declare
    now_state text;
    now_quality text;
    expected integer;
    billed text;
begin
    perform pg_advisory_xact_lock_shared(hashtext('obieg.books'));
    select n.state, n.quality into now_state, now_quality
    from public.reading_now n where n.reading_id = new.reading_id;
    select coalesce(max(d.decision_no), 0) + 1 into expected
    from public.reading_decision d where d.reading_id = new.reading_id;
    if new.decision_no <> expected then
        raise exception 'reading %: decision % does not follow %', new.reading_id, new.decision_no, expected - 1
            using errcode = 'OB002';
    end if;
    if not now_state || '>' || new.decision = any (tg_argv)
            or now_quality = 'not_read' and new.decision not in ('estimated', 'void') then
        raise exception 'reading %: % (%) cannot be %', new.reading_id, now_state, now_quality, new.decision
            using errcode = 'OB002';
    end if;
    billed := public.reading_billed_by(new.reading_id);
    if (billed is null) = (new.decision = 'corrected') then
        raise exception 'reading %: billed by %, it cannot be %', new.reading_id, coalesce(billed, 'nothing'), new.decision
            using errcode = 'OB002';
    end if;
    if new.decision = 'estimated' and not exists (
            select 1 from public.reading e join public.reading r using (installation_id)
            where e.reading_id = new.estimate_id and e.source = 'estimate' and r.reading_id = new.reading_id
              and e.reading_id <> r.reading_id) then
        raise exception 'reading %: % is no estimate of the same register', new.reading_id, new.estimate_id
            using errcode = 'OB002';
    end if;
    if new.request_id is not null and not exists (
            select 1 from public.reading_request q
            where q.request_id = new.request_id and q.reading_id = new.reading_id and q.index_m3 = new.index_m3
              and q.asked_by <> new.decided_by) then
        raise exception 'reading %: request % is not of another person, or of another index', new.reading_id,
            new.request_id using errcode = 'OB002';
    end if;
    return new;
end $$;
create trigger decision_follows before insert on reading_decision for each row execute function refuse_wrong_decision(
    'VALID>edited', 'VALID>estimated', 'VALID>void', 'VALID>corrected',
    'SUSPECT>confirmed', 'SUSPECT>edited', 'SUSPECT>estimated', 'SUSPECT>void',
    'CONFIRMED>edited', 'CONFIRMED>estimated', 'CONFIRMED>void', 'CONFIRMED>corrected',
    'EDITED>confirmed', 'EDITED>edited', 'EDITED>estimated', 'EDITED>void', 'EDITED>corrected');

-- ── estimates ───────────────────────────────────────────────────────────────────────────────────────────────────
-- An estimate is a reading that nobody took: from which reading it goes on, why, by which method and from what.
create table estimate (
    reading_id        bigint primary key references reading,
    since_reading_id  bigint not null references reading,
    why               text not null check (why in ('faulty_meter', 'no_access')),
    method            text not null check (method in ('mean_3_months', 'same_period_last_year',
                                                      'monthly_mean_last_year', 'class_mean', 'norm')),
    formula_version   integer not null check (formula_version > 0),
    volume_m3         numeric(12, 3) not null check (volume_m3 >= 0),
    inputs            jsonb not null,
    note              text not null check (note <> ''),
    estimated_by      text not null,
    estimated_via     text not null check (estimated_via in ('airflow', 'cli')),
    event_at          timestamptz not null,
    recorded_at       timestamptz not null default clock_timestamp()
);

alter table reading
    drop constraint came_from_somewhere,
    add constraint came_from_somewhere check (
        num_nonnulls(file_id, change_id) = 1
        or num_nonnulls(file_id, change_id) = 0 and source = 'estimate' and quality = 'estimated');

create function refuse_unexplained_estimate() returns trigger language plpgsql as $$
begin
    if not exists (select 1 from public.estimate e where e.reading_id = new.reading_id) then
        raise exception 'reading %: an estimate tells its method', new.reading_id using errcode = 'OB002';
    end if;
    return null;
end $$;
create constraint trigger tells_its_method after insert on reading
    deferrable initially deferred for each row when (new.file_id is null and new.change_id is null)
    execute function refuse_unexplained_estimate();

do $$
declare
    name text;
begin
    foreach name in array array['drafted_reading', 'reading_request', 'estimate'] loop
        execute format('create trigger append_only before update or delete on %I
                        for each row execute function refuse_change()', name);
        execute format('create trigger append_only_truncate before truncate on %I
                        for each statement execute function refuse_change()', name);
    end loop;
end $$;
grant select on drafted_reading, reading_request, estimate, billed_up_to to obieg_app, obieg_auditor;
grant insert on drafted_reading, reading_request, estimate to obieg_app;
