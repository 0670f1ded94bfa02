-- Corrections of issued invoices: a run is a cycle of its own kind, a correction is an invoice that says what is owed
-- instead of what it corrects, and everything that reads what is billed looks at what is in force.

-- ── a run of corrections ─────────────────────────────────────────────────────────────────────────────────────────
alter table cycle
    drop constraint cycle_kind_check,
    add constraint cycle_kind_check check (kind in ('regular', 'off_cycle', 'correction')),
    add constraint kor_is_no_route check ((kind = 'correction') = (route_set = 'KOR')),
    add column reversed_by bigint references cycle;
drop index cycle_live;
create unique index cycle_live on cycle (period, route_set)
    where state not in ('rejected', 'dry') and kind = 'regular' and reversed_by is null;
create trigger reversed_once before update of reversed_by on cycle
    for each row when (old.reversed_by is not null) execute function refuse_change();

create function refuse_loose_reversal() returns trigger language plpgsql as $$
begin
    if not exists (select 1 from public.correction_run r
                   where r.cycle_id = new.reversed_by and r.reversed_cycle_id = new.cycle_id) then
        raise exception 'cycle %: run % does not reverse it', new.cycle_key, new.reversed_by using errcode = 'OB002';
    end if;
    return new;
end $$;
create trigger reversed_by_its_run before update of reversed_by on cycle
    for each row when (new.reversed_by is not null) execute function refuse_loose_reversal();

-- cause: readings (other indexes), prices (the tariffs as they are now), reversal (nothing is owed).
create table correction_run (
    cycle_id           bigint primary key,
    kind               text not null default 'correction' check (kind = 'correction'),
    cause              text not null check (cause in ('readings', 'prices', 'reversal')),
    reason             text not null check (reason <> ''),
    order_id           bigint references correction_order,
    reversed_cycle_id  bigint references cycle,
    event_at           timestamptz not null,
    recorded_at        timestamptz not null default clock_timestamp(),
    recorded_by        text not null,
    foreign key (cycle_id, kind) references cycle (cycle_id, kind),
    constraint a_reversal_names_its_cycle check ((cause = 'reversal') = (reversed_cycle_id is not null))
);
create index correction_run_of_order on correction_run (order_id) where order_id is not null;
create index correction_run_of_cycle on correction_run (reversed_cycle_id) where reversed_cycle_id is not null;

-- Indexes as they should have been.
create table correction_reading (
    cycle_id     bigint not null references correction_run,
    reading_id   bigint not null references reading,
    index_m3     numeric(12, 3) not null check (index_m3 >= 0),
    recorded_at  timestamptz not null default clock_timestamp(),
    primary key (cycle_id, reading_id)
);

-- The invoices that a run looks at.
create table correction_invoice (
    cycle_id     bigint not null references correction_run,
    invoice_id   bigint not null,
    account_id   bigint not null,
    recorded_at  timestamptz not null default clock_timestamp(),
    primary key (cycle_id, invoice_id),
    foreign key (invoice_id, account_id) references invoice (invoice_id, account_id)
);
create index correction_invoice_by_invoice on correction_invoice (invoice_id);

-- What each of them is rated from: the account as its invoice saw it, with the indexes of the run, and the charge that
-- was in force for it.
create table correction_snapshot (
    cycle_id          bigint not null,
    invoice_id        bigint not null,
    account_id        bigint not null,
    correction_no     integer not null check (correction_no > 0),
    before_charge_id  bigint not null references charge,
    content           text not null,
    sha256            text not null,
    primary key (cycle_id, invoice_id),
    unique (cycle_id, invoice_id, account_id),
    unique (cycle_id, invoice_id, correction_no),
    foreign key (cycle_id, invoice_id) references correction_invoice,
    foreign key (cycle_id, account_id) references snapshot_account
);

-- ── charges and invoices of corrections ──────────────────────────────────────────────────────────────────────────
-- A charge of a correction holds what is owed instead; the amounts of its invoice are the difference.
alter table charge
    add column corrects_id bigint,
    drop constraint charge_cycle_id_account_id_key,
    add constraint correction_of_a_frozen_invoice foreign key (cycle_id, corrects_id, account_id)
        references correction_snapshot (cycle_id, invoice_id, account_id);
create unique index charge_once on charge (cycle_id, account_id, corrects_id) nulls not distinct;

alter table invoice
    drop constraint invoice_kind_check,
    add constraint invoice_kind_check check (kind in ('regular', 'final', 'correction')),
    add column corrects_id bigint,
    add column correction_no integer check (correction_no > 0),
    drop constraint invoice_cycle_id_account_id_kind_key,
    add constraint a_correction_names_its_invoice check (
        (kind = 'correction') = (corrects_id is not null) and (corrects_id is null) = (correction_no is null)),
    add constraint correction_once unique (corrects_id, correction_no),
    add constraint correction_of_the_same_account foreign key (corrects_id, account_id)
        references invoice (invoice_id, account_id),
    add constraint correction_of_a_frozen_invoice foreign key (cycle_id, corrects_id, correction_no)
        references correction_snapshot (cycle_id, invoice_id, correction_no);
create unique index invoice_once on invoice (cycle_id, account_id, kind, corrects_id) nulls not distinct;

create function refuse_loose_correction() returns trigger language plpgsql as $$
declare
    expected integer;
begin
    if exists (select 1 from public.invoice i where i.invoice_id = new.corrects_id and i.kind = 'correction') then
        raise exception 'invoice %: corrects a correction, not an invoice', new.invoice_no using errcode = 'OB002';
    end if;
    select coalesce(max(i.correction_no), 0) + 1 into expected
    from public.invoice i where i.corrects_id = new.corrects_id;
    if new.correction_no <> expected then
        raise exception 'invoice %: is correction % where % follows', new.invoice_no, new.correction_no, expected
            using errcode = 'OB002';
    end if;
    return new;
end $$;
create trigger follows before insert on invoice
    for each row when (new.corrects_id is not null) execute function refuse_loose_correction();

-- The charge that says what is owed for an invoice: its own, or that of its last correction.
create view charge_in_force as
    select i.charge_id, i.invoice_id, coalesce(i.corrects_id, i.invoice_id) as original_id, i.account_id
    from invoice i
    where not exists (select 1 from invoice later
                      where later.corrects_id = coalesce(i.corrects_id, i.invoice_id)
                        and later.correction_no > coalesce(i.correction_no, 0));

-- Charges that a correction has replaced since: right when they were made, they are not held against what is in force.
create view charge_superseded as
    select i.charge_id
    from invoice i
    join invoice later on later.corrects_id = coalesce(i.corrects_id, i.invoice_id)
                      and later.correction_no = coalesce(i.correction_no, 0) + 1;

-- What a charge was rated from, and by the terms of which cycle: for a correction those of the corrected invoice.
create view charge_terms as
    select c.charge_id, coalesce(x.content, s.content) as content, y.cycle_id as terms_cycle_id, y.period, y.issue_date
    from charge c
    join snapshot_account s using (cycle_id, account_id)
    left join correction_snapshot x on x.cycle_id = c.cycle_id and x.invoice_id = c.corrects_id
    left join invoice o on o.invoice_id = c.corrects_id
    join cycle y on y.cycle_id = coalesce(o.cycle_id, c.cycle_id);

-- ── days that are billed ─────────────────────────────────────────────────────────────────────────────────────────
-- What a correction bills instead, or no more, blocks nobody.
alter table billed_period
    add column superseded_by bigint references invoice,
    drop constraint no_day_twice_at_a_point,
    drop constraint no_day_twice_for_a_recipient;
alter table billed_period
    add constraint no_day_twice_at_a_point exclude using gist (
        int8range(point_id, point_id, '[]') with &&, int4range(service_no, service_no, '[]') with &&,
        period with &&) where (point_id is not null and superseded_by is null),
    add constraint no_day_twice_for_a_recipient exclude using gist (
        int8range(account_id, account_id, '[]') with &&, int4range(service_no, service_no, '[]') with &&,
        period with &&) where (point_id is null and superseded_by is null);

create function refuse_all_but_superseding() returns trigger language plpgsql as $$
declare
    may_differ text[] := array[tg_argv[0], 'service_no'];  -- what is generated is not there yet
begin
    if tg_op = 'UPDATE' then
        if to_jsonb(old) ->> tg_argv[0] is null
           and to_jsonb(new) - may_differ = to_jsonb(old) - may_differ
           and exists (select 1
                       from public.invoice correction
                       join public.invoice before on before.invoice_id = old.invoice_id
                       where correction.invoice_id = cast(to_jsonb(new) ->> tg_argv[0] as bigint)
                         and correction.corrects_id = coalesce(before.corrects_id, before.invoice_id)
                         and correction.invoice_id > before.invoice_id) then
            return new;
        end if;
    end if;
    raise exception '% is append-only: % refused', tg_table_name, tg_op using errcode = 'OB001';
end $$;
drop trigger append_only on billed_period;
create trigger append_only before update or delete on billed_period
    for each row execute function refuse_all_but_superseding('superseded_by');

create or replace view billed_day as
    select account_id, point_id, service, period from billed_period where superseded_by is null
    union all
    select account_id, point_id, service, period from drafted_period
    union all
    select account_id, point_id, service, period from settled_day;

create or replace view point_consumption as
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
    where b.superseded_by is null
      and (b.service = 'water'
           or (b.service = 'sewage' and not exists (
                   select 1 from charge_line w
                   where w.charge_id = l.charge_id and w.service = 'water'
                     and w.current_reading_id = l.current_reading_id)));

-- Readings up to which an invoice, a draft or the old system has billed, as it is in force.
create or replace view billed_up_to as
    select l.current_reading_id as reading_id from charge_line l join charge_in_force using (charge_id)
    where l.current_reading_id is not null
    union all
    select p.current_reading_id from charge_line_part p join charge_in_force using (charge_id)
    union all
    select d.reading_id from drafted_reading d where d.is_end
    union all
    select o.reading_id from opening_position o where o.replaced_at is null;

-- Accounts that were ever under contract at the point of a reading, or at a point in front of it.
create function accounts_at_reading(asked bigint) returns setof bigint language sql stable as $$
    with recursive place as (
        select i.point_id from public.reading r join public.installation i using (installation_id)
        where r.reading_id = asked
        union
        select p.parent_point_id from place join public.point p using (point_id) where p.parent_point_id is not null
    )
    select distinct c.account_id from place join public.contract c using (point_id)
$$;

-- A draft is in work from the freeze on: what is frozen of a buyer under the KSeF duty, and not rated yet, becomes one.
create or replace function reading_billed_by(asked bigint) returns text language sql stable as $$
    select case
        when exists (select 1 from public.opening_position o where o.reading_id = asked) then 'opening'
        when exists (
            select 1
            from public.reading r
            join public.reading other using (installation_id)
            join public.charge_line l on l.current_reading_id = other.reading_id
            join public.charge_in_force using (charge_id)
            where r.reading_id = asked and asked in (l.previous_reading_id, l.current_reading_id))
          or exists (
            select 1
            from public.reading r
            join public.reading other using (installation_id)
            join public.charge_line_part p on p.current_reading_id = other.reading_id
            join public.charge_in_force using (charge_id)
            where r.reading_id = asked and asked in (p.previous_reading_id, p.current_reading_id))
            then 'invoice'
        when exists (select 1 from public.drafted_reading d where d.reading_id = asked) then 'draft'
        when exists (select 1 from public.accounts_at_reading(asked) as paying (account_id)
                     join public.hold h on h.account_id = paying.account_id and h.draft is not null
                     join public.cycle y on y.cycle_id = h.cycle_id and not y.dry_run
                                        and y.state in ('opened', 'frozen', 'checked', 'approved')
                     cross join lateral public.readings_of_draft(h.draft) n
                     where n.reading_id = asked)
          or exists (select 1 from public.accounts_at_reading(asked) as paying (account_id)
                     join public.snapshot_account s using (account_id)
                     join public.cycle y on y.cycle_id = s.cycle_id and not y.dry_run and y.state = 'frozen'
                     where not exists (select 1 from public.hold h
                                       where h.cycle_id = s.cycle_id and h.account_id = s.account_id)
                       and not exists (select 1 from public.charge c
                                       where c.cycle_id = s.cycle_id and c.account_id = s.account_id)
                       and (cast(s.content as jsonb) #>> '{parties,nabywca,nip}' is not null
                            or cast(s.content as jsonb) #>> '{parties,nabywca,kind}' <> 'natural_person')
                       and jsonb_path_exists(cast(s.content as jsonb), '$.points.**.reading_id ? (@ == $asked)',
                                             jsonb_build_object('asked', asked)))
            then 'draft_in_work'
        end
$$;

-- ── holds whose bill was reversed are open again; those of corrections wait for another run ──────────────────────
alter table waived_days
    drop constraint waived_days_cycle_id_account_id_fkey,
    add constraint waived_days_cycle_id_account_id_fkey foreign key (cycle_id, account_id) references hold;
alter table hold_resolution
    drop constraint hold_resolution_pkey,
    add column voided_by bigint references invoice,
    add constraint only_a_bill_is_reversed check (voided_by is null or outcome = 'billed');
create unique index hold_resolution_once on hold_resolution (cycle_id, account_id, voided_by) nulls not distinct;
drop trigger append_only on hold_resolution;
create trigger append_only before update or delete on hold_resolution
    for each row execute function refuse_all_but_superseding('voided_by');

create or replace view open_hold as
    select h.cycle_id, h.account_id, y.cycle_key, a.account_no, h.code, y.period, y.issue_date,
           (business_now() at time zone 'Europe/Warsaw')::date - y.issue_date as age_days, h.facts
    from hold h
    join cycle y using (cycle_id)
    join account a using (account_id)
    where not h.excluded and y.state in ('issued', 'closed') and y.kind <> 'correction'
      and not exists (select 1 from hold_resolution r
                      where r.cycle_id = h.cycle_id and r.account_id = h.account_id and r.voided_by is null);

create or replace function standing_owed(of_account bigint, of_point bigint, cycle_start date)
returns table (standing_from date, waived datemultirange) language sql stable as $$
    select coalesce(
               first_open_month((select max(upper(b.period)) from billed_day b
                                 where b.account_id = of_account and b.service = 'abonament'
                                   and (of_point is null or b.point_id is null or b.point_id = of_point))),
               least(cycle_start,
                     (select min(lower(y.period)) from hold h join cycle y using (cycle_id)
                      where h.account_id = of_account and (not h.excluded or h.code = 'IN_OTHER_CYCLE')
                        and y.state in ('issued', 'closed') and y.kind <> 'correction'
                        and lower(y.period) < cycle_start
                        and not exists (select 1 from hold_resolution r
                                        where r.cycle_id = h.cycle_id and r.account_id = h.account_id
                                          and r.voided_by is null)),
                     (select min(lower(y.period)) from invoice i join cycle y using (cycle_id)
                      where i.account_id = of_account and y.reversed_by is not null and lower(y.period) < cycle_start),
                     (select min(lower(c.valid)) from contract c
                      where c.account_id = of_account
                        and (c.change_id is not null
                             or c.recorded_at > (select min(s.started_at) from step_run s join cycle y using (cycle_id)
                                                 where s.step = 'freeze' and y.state in ('issued', 'closed')))
                        and (of_point is null or c.point_id = of_point)))),
           (select range_agg(y.period) from hold_resolution r join cycle y using (cycle_id)
            where r.account_id = of_account and r.outcome = 'waived')
$$;

-- ── deliveries: what was reversed before it left never leaves; a duplicate has a delivery of its own ─────────────
alter table document
    drop constraint document_kind_check,
    add constraint document_kind_check check (kind in ('invoice', 'duplicate')),
    drop constraint document_invoice_id_kind_key,
    add column duplicate_on date,
    add constraint a_duplicate_has_its_day check ((kind = 'duplicate') = (duplicate_on is not null));
create unique index document_once on document (invoice_id, kind, duplicate_on) nulls not distinct;

alter table delivery
    drop constraint delivery_purpose_check,
    add constraint delivery_purpose_check check (purpose in ('invoice', 'duplicate')),
    drop constraint delivery_state_check,
    add constraint delivery_state_check check (state in (
        'planned', 'archived', 'ready', 'leased', 'sending', 'accepted', 'delivered', 'settled', 'unknown', 'rejected',
        'blocked', 'bounced', 'overdue', 'packaged', 'sent', 'cancelled')),
    drop constraint delivery_invoice_id_purpose_channel_key,
    add constraint a_duplicate_has_its_document check (purpose = 'invoice' or document_id is not null);
create index delivery_of_invoice on delivery (invoice_id);
create unique index delivery_once on delivery (invoice_id, channel) where purpose = 'invoice';
create unique index delivery_of_duplicate_once on delivery (document_id, channel) where purpose = 'duplicate';

drop trigger legal_state on delivery;
create trigger legal_state before update of state on delivery
    for each row when (old.state is distinct from new.state) execute function refuse_other_states(
        'planned>archived', 'archived>ready',
        'ready>leased', 'ready>overdue', 'ready>packaged', 'ready>blocked',
        'leased>sending', 'leased>ready', 'leased>rejected', 'leased>blocked',
        'sending>accepted', 'sending>unknown', 'sending>rejected', 'sending>blocked', 'sending>ready',
        'unknown>accepted', 'unknown>ready', 'unknown>rejected',
        -- a person's decision
        'blocked>ready', 'blocked>rejected', 'overdue>ready', 'overdue>rejected', 'rejected>ready',
        'accepted>delivered', 'delivered>settled', 'accepted>bounced', 'delivered>bounced', 'packaged>sent',
        -- the cycle was reversed before anything left
        'planned>cancelled', 'archived>cancelled', 'ready>cancelled', 'overdue>cancelled');

-- Whether a reversal of the cycle is on its way: nothing of it leaves until that is decided.
create function is_being_reversed(of_cycle bigint) returns boolean language sql stable as $$
    select exists (select 1 from correction_run r join cycle y using (cycle_id)
                   where r.reversed_cycle_id = of_cycle and not y.dry_run
                     and y.state in ('opened', 'frozen', 'checked', 'approved'))
$$;

-- ── append-only, least rights ────────────────────────────────────────────────────────────────────────────────────
do $$
declare
    name text;
begin
    foreach name in array array['correction_run', 'correction_reading', 'correction_invoice',
                                'correction_snapshot'] loop
        execute format('create trigger append_only before update or delete on %I
                        for each row execute function refuse_change()', name);
        execute format('create trigger append_only_truncate before truncate on %I
                        for each statement execute function refuse_change()', name);
        execute format('grant select on %I to obieg_app, obieg_auditor', name);
        execute format('grant insert on %I to obieg_app', name);
    end loop;
end $$;
grant select on charge_in_force, charge_superseded, charge_terms to obieg_app, obieg_auditor;
grant update (reversed_by) on cycle to obieg_app;
grant update (superseded_by) on billed_period to obieg_app;
grant update (voided_by) on hold_resolution to obieg_app;
