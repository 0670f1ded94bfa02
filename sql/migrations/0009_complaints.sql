-- Complaints about invoices: the case, what happened in it, how it ended, and the corrections that were ordered.
-- Nothing here changes an invoice, its due date or its delivery: a complaint does not suspend payment (Rozp. 2018
-- par. 17 ust. 4).

-- A case about one invoice. A further one about the same invoice names the one before it, which must have ended.
-- silence_basis: the provision by which silence beyond answer_until counts as accepting it, null where there is none.
create table complaint (
    complaint_id   bigint generated always as identity primary key,
    year           integer not null check (year between 2000 and 9999),
    sequence       integer not null check (sequence > 0),
    complaint_no   text not null unique generated always as (
                       'R/' || year::text || '/'
                       || lpad(sequence::text, greatest(6, length(sequence::text)), '0')) stored,
    invoice_id     bigint not null references invoice,
    earlier_id     bigint unique,
    received_on    date not null,
    received_via   text not null check (received_via in ('letter', 'email', 'phone', 'in_person', 'portal')),
    subject        text not null check (subject in (
                       'reading', 'consumption', 'price', 'period', 'recipient', 'delivery', 'other')),
    customer_text  text not null check (customer_text <> ''),
    consumer       boolean not null,
    answer_until   date not null,
    answer_basis   text not null check (answer_basis <> ''),
    silence_basis  text check (silence_basis <> ''),
    event_at       timestamptz not null,
    recorded_at    timestamptz not null default clock_timestamp(),
    recorded_by    text not null,
    recorded_via   text not null check (recorded_via in ('airflow', 'cli')),
    unique (year, sequence),
    unique (complaint_id, invoice_id),
    constraint answer_after_receipt check (answer_until >= received_on),
    constraint silence_counts_for_consumers check (silence_basis is null or consumer),
    constraint earlier_of_the_same_invoice foreign key (earlier_id, invoice_id)
        references complaint (complaint_id, invoice_id)
);
create unique index complaint_first_of_invoice on complaint (invoice_id) where earlier_id is null;

-- What happened in a case. happened_on is the day in the world: for an answer the day on which it left the house.
create table complaint_event (
    complaint_id  bigint not null references complaint,
    event_no      integer not null check (event_no > 0),
    kind          text not null check (kind in ('opened', 'note', 'evidence', 'answered', 'closed')),
    happened_on   date not null,
    sent_via      text check (sent_via in ('letter', 'email')),
    words         text not null check (words <> ''),
    event_at      timestamptz not null,
    recorded_at   timestamptz not null default clock_timestamp(),
    recorded_by   text not null,
    recorded_via  text not null check (recorded_via in ('airflow', 'cli')),
    primary key (complaint_id, event_no),
    unique (complaint_id, event_no, kind),
    constraint an_answer_is_sent check ((kind = 'answered') = (sent_via is not null))
);
create unique index complaint_event_once on complaint_event (complaint_id, kind)
    where kind in ('opened', 'answered', 'closed');

-- That an invoice has to be corrected, why, and to what. A later table of corrections will name the order that it
-- carries out; this one is never changed.
create table correction_order (
    order_id      bigint generated always as identity primary key,
    invoice_id    bigint not null references invoice,
    reason        text not null check (reason <> ''),
    ordered_by    text not null,
    ordered_via   text not null check (ordered_via in ('airflow', 'cli')),
    event_at      timestamptz not null,
    recorded_at   timestamptz not null default clock_timestamp(),
    unique (order_id, invoice_id)
);

create table correction_order_reading (
    order_id    bigint not null references correction_order,
    reading_id  bigint not null references reading,
    index_m3    numeric(12, 3) not null check (index_m3 >= 0),
    primary key (order_id, reading_id)
);

create table correction_order_point (
    order_id  bigint not null references correction_order,
    point_id  bigint not null references point,
    primary key (order_id, point_id)
);

-- How a case ended: refused, with the answer that said so, or by ordering a correction of its invoice.
create table complaint_outcome (
    complaint_id  bigint primary key,
    invoice_id    bigint not null,
    outcome       text not null check (outcome in ('refused', 'correction')),
    reason        text not null check (reason <> ''),
    answer_no     integer,
    answer_kind   text not null generated always as ('answered') stored,
    order_id      bigint unique,
    decided_by    text not null,
    decided_via   text not null check (decided_via in ('airflow', 'cli')),
    event_at      timestamptz not null,
    recorded_at   timestamptz not null default clock_timestamp(),
    foreign key (complaint_id, invoice_id) references complaint (complaint_id, invoice_id),
    foreign key (complaint_id, answer_no, answer_kind) references complaint_event (complaint_id, event_no, kind),
    foreign key (order_id, invoice_id) references correction_order (order_id, invoice_id),
    constraint a_refusal_is_answered check ((outcome = 'refused') <= (answer_no is not null)),
    constraint a_correction_is_ordered check ((outcome = 'correction') = (order_id is not null))
);
alter table complaint add constraint earlier_has_ended foreign key (earlier_id) references complaint_outcome;

-- ── cases are numbered without gaps ─────────────────────────────────────────────────────────────────────────────
create function refuse_complaint_gap() returns trigger language plpgsql as $$
declare
    expected integer;
begin
    select coalesce(max(c.sequence), 0) + 1 into expected from public.complaint c where c.year = new.year;
    if new.sequence = expected then
        return new;
    end if;
    raise exception 'complaint: number % of % does not follow %', new.sequence, new.year, expected - 1
        using errcode = 'OB002';
end $$;

create trigger no_gap before insert on complaint for each row execute function refuse_complaint_gap();

-- ── append-only, least rights ───────────────────────────────────────────────────────────────────────────────────
do $$
declare
    name text;
begin
    foreach name in array array[
        'complaint', 'complaint_event', 'complaint_outcome', 'correction_order', 'correction_order_reading',
        'correction_order_point'] loop
        execute format('create trigger append_only before update or delete on %I
                        for each row execute function refuse_change()', name);
        execute format('create trigger append_only_truncate before truncate on %I
                        for each statement execute function refuse_change()', name);
    end loop;
end $$;

grant select on complaint, complaint_event, complaint_outcome, correction_order, correction_order_reading,
    correction_order_point to obieg_app, obieg_auditor;
grant insert on complaint, complaint_event, complaint_outcome, correction_order, correction_order_reading,
    correction_order_point to obieg_app;
