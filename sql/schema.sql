-- The whole billing database: registry, readings, cycles, charges, invoices, deliveries, consents, evidence.
--
-- Every fact carries event_at (when it held in the world) and recorded_at (when we wrote it down). Money is
-- numeric(12,2) in złoty, prices numeric(10,4), volumes numeric(12,3) in m³. Periods are half-open.

-- ── the business clock ──────────────────────────────────────────────────────────────────────────────────────────
-- Real time for every utility; only one marked as demo may set it (it then stands still until it is set again).
create table business_clock (
    only_row  boolean primary key default true check (only_row),
    is_demo   boolean not null,
    demo_now  timestamptz,
    constraint only_a_demo_sets_its_clock check (is_demo or demo_now is null)
);

create function business_now() returns timestamptz language sql stable as
    $$ select coalesce((select demo_now from business_clock), now()) $$;

-- ── files that came in ──────────────────────────────────────────────────────────────────────────────────────────
create table import_file (
    file_id        bigint generated always as identity primary key,
    kind           text not null check (kind in ('registry', 'readings', 'consents')),
    name           text not null,
    sha256         text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    size_bytes     bigint not null,
    profile        text not null,
    status         text not null check (status in ('accepted', 'refused')),
    refusal_code   text,
    refusal_text   text,
    rows           integer not null,
    accepted       integer not null,
    accepted_warn  integer not null,
    quarantined    integer not null,
    rejected       integer not null,
    duplicate      integer not null,
    event_at       timestamptz not null,
    recorded_at    timestamptz not null default clock_timestamp(),
    recorded_by    text not null,
    constraint totals_balance check (
        status = 'refused' or rows = accepted + accepted_warn + quarantined + rejected + duplicate),
    constraint refusal_has_a_code check ((status = 'refused') = (refusal_code is not null))
);
create unique index import_file_once on import_file (kind, sha256) where status = 'accepted';

-- The raw row as received, with its line number and what became of it.
create table import_row (
    file_id   bigint not null references import_file,
    line_no   integer not null,
    raw       text not null,
    outcome   text not null
              check (outcome in ('ACCEPTED', 'ACCEPTED_WARN', 'QUARANTINED', 'REJECTED', 'DUPLICATE')),
    codes     text[] not null default '{}',
    note      text,
    primary key (file_id, line_no)
);

-- ── registry ────────────────────────────────────────────────────────────────────────────────────────────────────
create table party (
    party_id     bigint generated always as identity primary key,
    party_no     text not null unique,
    kind         text not null check (kind in ('natural_person', 'organisation')),
    name         text not null,
    nip          text,
    street       text not null,
    postcode     text not null,
    city         text not null,
    file_id      bigint,
    line_no      integer,
    event_at     timestamptz not null,
    recorded_at  timestamptz not null default clock_timestamp(),
    recorded_by  text not null,
    foreign key (file_id, line_no) references import_row
);

-- The unit that receives one invoice.
create table account (
    account_id    bigint generated always as identity primary key,
    account_no    text not null unique,
    route         text not null check (route ~ '^[A-Z0-9]+$'),
    bank_account  text not null check (bank_account ~ '^[0-9]{26}$'),
    file_id       bigint,
    line_no       integer,
    event_at      timestamptz not null,
    recorded_at   timestamptz not null default clock_timestamp(),
    recorded_by   text not null,
    foreign key (file_id, line_no) references import_row
);
create index account_by_route on account (route, account_no);

create table account_party (
    account_id   bigint not null references account,
    role         text not null check (role in ('payer', 'nabywca', 'odbiorca', 'correspondence')),
    role_no      integer not null generated always as (
                     case role when 'payer' then 1 when 'nabywca' then 2 when 'odbiorca' then 3 else 4 end) stored,
    party_id     bigint not null references party,
    valid        daterange not null,
    file_id      bigint,
    line_no      integer,
    recorded_at  timestamptz not null default clock_timestamp(),
    recorded_by  text not null,
    foreign key (file_id, line_no) references import_row,
    constraint one_party_a_role_a_day exclude using gist (
        int8range(account_id, account_id, '[]') with &&, int4range(role_no, role_no, '[]') with &&, valid with &&)
);

create table email_address (
    email_id           bigint generated always as identity primary key,
    account_id         bigint not null references account,
    address            text not null,
    state              text not null check (state in ('unconfirmed', 'confirmed', 'dead')),
    confirmation_kind  text check (confirmation_kind in ('click', 'signed_paper', 'delivered_without_bounce')),
    confirmed_at       timestamptz,
    valid              daterange not null,
    file_id            bigint,
    line_no            integer,
    recorded_at        timestamptz not null default clock_timestamp(),
    recorded_by        text not null,
    foreign key (file_id, line_no) references import_row,
    constraint confirmed_tells_how check ((state = 'confirmed') <= (confirmation_kind is not null)),
    constraint one_address_a_day exclude using gist (
        int8range(account_id, account_id, '[]') with &&, valid with &&)
);

create table point (
    point_id     bigint generated always as identity primary key,
    point_no     text not null unique,
    street       text not null,
    postcode     text not null,
    city         text not null,
    file_id      bigint,
    line_no      integer,
    recorded_at  timestamptz not null default clock_timestamp(),
    recorded_by  text not null,
    foreign key (file_id, line_no) references import_row
);

create table contract (
    contract_id   bigint generated always as identity primary key,
    contract_no   text not null unique,
    account_id    bigint not null references account,
    point_id      bigint not null references point,
    tariff_class  text not null,
    services      text[] not null check (services <@ array['water', 'sewage'] and cardinality(services) > 0),
    valid         daterange not null,
    file_id       bigint,
    line_no       integer,
    recorded_at   timestamptz not null default clock_timestamp(),
    recorded_by   text not null,
    foreign key (file_id, line_no) references import_row,
    constraint one_contract_a_point_a_day exclude using gist (
        int8range(point_id, point_id, '[]') with &&, valid with &&)
);
create index contract_by_account on contract (account_id);

create table meter (
    meter_id     bigint generated always as identity primary key,
    meter_no     text not null unique,
    module_no    text,
    file_id      bigint,
    line_no      integer,
    recorded_at  timestamptz not null default clock_timestamp(),
    recorded_by  text not null,
    foreign key (file_id, line_no) references import_row
);

-- A register of a meter at a point, from its installation to its removal.
create table installation (
    installation_id  bigint generated always as identity primary key,
    point_id         bigint not null references point,
    meter_id         bigint not null references meter,
    register         smallint not null default 0,
    dials            smallint not null check (dials between 3 and 9),
    decimals         smallint not null check (decimals between 0 and 3),
    installed_on     date not null,
    removed_on       date check (removed_on >= installed_on),
    legalised_until  date,
    file_id          bigint,
    line_no          integer,
    recorded_at      timestamptz not null default clock_timestamp(),
    recorded_by      text not null,
    foreign key (file_id, line_no) references import_row,
    constraint one_place_at_a_time exclude using gist (
        int8range(meter_id, meter_id, '[]') with &&, int4range(register, register, '[]') with &&,
        daterange(installed_on, removed_on) with &&),
    constraint one_meter_at_a_time exclude using gist (
        int8range(point_id, point_id, '[]') with &&, int4range(register, register, '[]') with &&,
        daterange(installed_on, removed_on) with &&)
);
create index installation_by_point on installation (point_id);

-- ── readings ────────────────────────────────────────────────────────────────────────────────────────────────────
-- index_m3 is what was received, in m³; it is cut to the meter's decimals only when it is billed.
create table reading (
    reading_id       bigint generated always as identity primary key,
    installation_id  bigint not null references installation,
    meter_id         bigint not null references meter,
    register         smallint not null,
    read_at          timestamptz not null,
    read_on          date not null,
    source           text not null check (source in (
                         'handheld', 'radio_walkby', 'radio_fixed', 'customer_portal', 'customer_phone',
                         'customer_mail', 'exchange_removal', 'exchange_install', 'staff', 'estimate')),
    quality          text not null check (quality in ('actual', 'customer', 'estimated', 'not_read')),
    index_m3         numeric(12, 3) check (index_m3 >= 0),
    index_received   text not null,
    unit_received    text not null check (unit_received in ('m3', 'l')),
    reason_code      text check (reason_code in (
                         'no_access', 'covered', 'damaged', 'frozen', 'no_signal', 'refused')),
    state            text not null check (state in ('VALID', 'SUSPECT')),
    alarms           text[] not null default '{}',
    details          jsonb not null default '{}',
    external_id      text,
    file_id          bigint not null,
    line_no          integer not null,
    recorded_at      timestamptz not null default clock_timestamp(),
    foreign key (file_id, line_no) references import_row,
    unique (meter_id, register, read_at, source),
    constraint index_or_reason check ((quality = 'not_read') = (index_m3 is null)),
    constraint not_read_says_why check (quality <> 'not_read' or reason_code is not null)
);
create index reading_of_installation on reading (installation_id, read_on desc, reading_id desc);
create unique index reading_external on reading (external_id) where external_id is not null;

create table finding (
    finding_id   bigint generated always as identity primary key,
    reading_id   bigint not null references reading,
    code         text not null,
    severity     text not null check (severity in ('warn', 'quarantine')),
    facts        jsonb not null,
    recorded_at  timestamptz not null default clock_timestamp(),
    unique (reading_id, code)
);

-- ── consents ────────────────────────────────────────────────────────────────────────────────────────────────────
create table terms_version (
    terms_id        bigint generated always as identity primary key,
    kind            text not null,
    label           text not null,
    sha256          text not null unique,
    body            bytea not null,
    effective_from  date not null,
    recorded_at     timestamptz not null default clock_timestamp(),
    unique (kind, label)
);

create table consent_event (
    consent_id      bigint generated always as identity primary key,
    account_id      bigint not null references account,
    event           text not null check (event in ('accept', 'withdraw')),
    purpose         text not null default 'einvoice' check (purpose = 'einvoice'),
    method          text not null check (method in ('paper_form', 'portal_click', 'phone_recorded', 'staff_import')),
    terms_id        bigint references terms_version,
    occurred_at     timestamptz not null,
    received_at     timestamptz not null,
    email           text,
    signer_name     text,
    scan_sha256     text,
    requested_from  date,
    file_id         bigint not null,
    line_no         integer not null,
    recorded_at     timestamptz not null default clock_timestamp(),
    recorded_by     text not null,
    foreign key (file_id, line_no) references import_row,
    unique (account_id, event, received_at),
    constraint acceptance_names_its_terms check ((event = 'accept') <= (terms_id is not null and email is not null))
);

-- What became of a consent event: each is converted once.
create table consent_conversion (
    consent_id            bigint primary key references consent_event,
    outcome               text not null check (outcome in ('applied', 'no_change', 'refused')),
    reason                text not null,
    effective_from        date,
    price_effect_zl_year  numeric(12, 2),
    event_at              timestamptz not null,
    recorded_at           timestamptz not null default clock_timestamp(),
    constraint applied_has_a_date check ((outcome = 'applied') <= (effective_from is not null))
);

-- Derived from the consent events and rebuildable from them: which channel holds on which day.
create table delivery_preference (
    account_id   bigint not null references account,
    channel      text not null check (channel in ('paper', 'email')),
    valid        daterange not null,
    consent_id   bigint not null references consent_event,
    recorded_at  timestamptz not null default clock_timestamp(),
    constraint one_channel_a_day exclude using gist (
        int8range(account_id, account_id, '[]') with &&, valid with &&)
);

-- ── cycles ──────────────────────────────────────────────────────────────────────────────────────────────────────
create table cycle (
    cycle_id        bigint generated always as identity primary key,
    cycle_key       text not null unique check (cycle_key ~ '^[A-Za-z0-9_.~:+-]+$'),
    kind            text not null default 'regular' check (kind = 'regular'),
    period          daterange not null,
    route_set       text not null,
    revision        integer not null check (revision > 0),
    issue_date      date not null,
    payment_days    integer not null check (payment_days >= 14),
    dry_run         boolean not null,
    chunk_accounts  integer not null check (chunk_accounts > 0),
    state           text not null check (state in (
                        'opened', 'frozen', 'checked', 'approved', 'issued', 'closed', 'rejected', 'dry')),
    started_by      text not null,
    started_via     text not null check (started_via in ('airflow', 'cli')),
    airflow_run_id  text unique,
    event_at        timestamptz not null,
    recorded_at     timestamptz not null default clock_timestamp(),
    unique (period, route_set, revision)
);
-- One live cycle for a period and route set; a rejected or dry-run cycle leaves its key free.
create unique index cycle_live on cycle (period, route_set) where state not in ('rejected', 'dry');

-- Files of the utility as they were when a cycle froze its inputs, by content.
create table input_file (
    sha256       text primary key check (sha256 ~ '^[0-9a-f]{64}$'),
    kind         text not null check (kind in ('utility', 'tariff')),
    name         text not null,
    content      bytea not null,
    recorded_at  timestamptz not null default clock_timestamp()
);

create table cycle_input (
    cycle_id  bigint not null references cycle,
    sha256    text not null references input_file,
    primary key (cycle_id, sha256)
);

create table snapshot_account (
    cycle_id    bigint not null references cycle,
    account_id  bigint not null references account,
    chunk_no    integer not null,
    content     text not null,
    sha256      text not null,
    primary key (cycle_id, account_id)
);
create index snapshot_by_chunk on snapshot_account (cycle_id, chunk_no);

create table charge (
    charge_id     bigint generated always as identity primary key,
    cycle_id      bigint not null,
    account_id    bigint not null,
    channel       text not null check (channel in ('paper', 'email')),
    net_zl        numeric(12, 2) not null,
    vat_zl        numeric(12, 2) not null,
    gross_zl      numeric(12, 2) not null,
    sha256        text not null,
    recorded_at   timestamptz not null default clock_timestamp(),
    foreign key (cycle_id, account_id) references snapshot_account,
    unique (cycle_id, account_id),
    constraint gross_is_net_and_vat check (gross_zl = net_zl + vat_zl)
);

create table charge_line (
    charge_id            bigint not null references charge,
    line_no              integer not null,
    point_id             bigint references point,
    service              text not null check (service in ('water', 'sewage', 'abonament')),
    description          text not null,
    period               daterange not null,
    meter_no             text,
    previous_reading_id  bigint references reading,
    current_reading_id   bigint references reading,
    previous_index_m3    numeric(12, 3),
    current_index_m3     numeric(12, 3),
    quantity             numeric(12, 3) not null,
    unit                 text not null,
    price_zl             numeric(10, 4) not null,
    net_zl               numeric(12, 2) not null,
    vat_rate             numeric not null,
    tariff_group         text not null,
    tariff_sha256        text not null references input_file,
    basis                text not null,
    primary key (charge_id, line_no),
    constraint readings_in_pairs check ((previous_reading_id is null) = (current_reading_id is null))
);
create index charge_line_by_reading on charge_line (current_reading_id) where current_reading_id is not null;

create table hold (
    cycle_id     bigint not null references cycle,
    account_id   bigint not null references account,
    code         text not null,
    excluded     boolean not null,
    stage        text not null check (stage in ('freeze', 'rate', 'issue')),
    facts        jsonb not null,
    draft        text,
    sha256       text not null,
    recorded_at  timestamptz not null default clock_timestamp(),
    primary key (cycle_id, account_id)
);

create table approval (
    cycle_id       bigint primary key references cycle,
    decision       text not null check (decision in ('approved', 'rejected')),
    decided_by     text not null,
    decided_via    text not null check (decided_via in ('airflow', 'cli')),
    note           text not null,
    totals_sha256  text not null,
    event_at       timestamptz not null,
    recorded_at    timestamptz not null default clock_timestamp()
);

-- ── invoices and documents ──────────────────────────────────────────────────────────────────────────────────────
create table invoice_series (
    series         text primary key,
    last_sequence  bigint not null check (last_sequence >= 0)
);

create table invoice (
    invoice_id      bigint generated always as identity primary key,
    series          text not null references invoice_series,
    sequence        bigint not null check (sequence > 0),
    invoice_no      text not null unique,
    cycle_id        bigint not null references cycle,
    account_id      bigint not null references account,
    kind            text not null check (kind = 'regular'),
    charge_id       bigint not null unique references charge,
    issue_date      date not null,
    due_date        date not null,
    carrier         text not null check (carrier in ('paper', 'email')),
    net_zl          numeric(12, 2) not null,
    vat_zl          numeric(12, 2) not null,
    gross_zl        numeric(12, 2) not null,
    content         text not null,
    sha256          text not null,
    event_at        timestamptz not null,
    recorded_at     timestamptz not null default clock_timestamp(),
    unique (series, sequence),
    unique (cycle_id, account_id, kind)
);

-- No day is billed twice: water and sewage by point, the standing charge of a recipient by account.
create table billed_period (
    invoice_id  bigint not null references invoice,
    line_no     integer not null,
    account_id  bigint not null references account,
    point_id    bigint references point,
    service     text not null check (service in ('water', 'sewage', 'abonament')),
    service_no  integer not null generated always as (
                    case service when 'water' then 1 when 'sewage' then 2 else 3 end) stored,
    period      daterange not null check (not isempty(period)),
    primary key (invoice_id, line_no),
    constraint no_day_twice_at_a_point exclude using gist (
        int8range(point_id, point_id, '[]') with &&, int4range(service_no, service_no, '[]') with &&,
        period with &&) where (point_id is not null),
    constraint no_day_twice_for_a_recipient exclude using gist (
        int8range(account_id, account_id, '[]') with &&, int4range(service_no, service_no, '[]') with &&,
        period with &&) where (point_id is null)
);

create table document (
    document_id       bigint generated always as identity primary key,
    invoice_id        bigint not null references invoice,
    kind              text not null check (kind = 'invoice'),
    sha256            text not null,
    size_bytes        integer not null,
    pages             integer not null,
    template_version  text not null,
    archive_key       text not null unique,
    event_at          timestamptz not null,
    recorded_at       timestamptz not null default clock_timestamp(),
    unique (invoice_id, kind)
);

-- ── deliveries: a work queue, every transition of which is appended to the evidence ──────────────────────────────
create table print_package (
    package_id    bigint generated always as identity primary key,
    package_no    text not null unique,
    cycle_id      bigint not null references cycle,
    path          text not null,
    sha256        text not null,
    letters       integer not null,
    event_at      timestamptz not null,
    recorded_at   timestamptz not null default clock_timestamp()
);

create table delivery (
    delivery_id   uuid primary key,
    invoice_id    bigint not null references invoice,
    purpose       text not null check (purpose = 'invoice'),
    channel       text not null check (channel in ('email', 'paper')),
    account_id    bigint not null references account,
    address       text,
    state         text not null check (state in (
                      'planned', 'archived', 'ready', 'leased', 'sending', 'accepted', 'delivered', 'settled',
                      'unknown', 'rejected', 'blocked', 'bounced', 'overdue', 'packaged', 'sent')),
    reason        text not null,
    document_id   bigint references document,
    message_id    text unique,
    package_id    bigint references print_package,
    issue_date    date not null,
    deadline      timestamptz not null,
    not_before    timestamptz not null,
    attempts      integer not null default 0,
    fence         integer not null default 0,
    lease_owner   text,
    lease_until   timestamptz,
    recorded_at   timestamptz not null default clock_timestamp(),
    updated_at    timestamptz not null default clock_timestamp(),
    unique (invoice_id, purpose, channel),
    constraint email_has_an_address check ((channel = 'email') = (address is not null and message_id is not null))
) with (fillfactor = 80);
create index delivery_ready on delivery (channel, not_before, delivery_id) where state = 'ready';
create index delivery_leased on delivery (lease_until) where state in ('leased', 'sending');

-- One row an attempt: written (committed) before the last dot leaves, completed after the answer.
create table attempt (
    delivery_id     uuid not null references delivery,
    attempt_no      integer not null,
    fence           integer not null,
    relay           text not null,
    mime_sha256     text,
    intent_at       timestamptz not null,
    ended_at        timestamptz,
    outcome         text check (outcome in ('accepted', 'retry', 'rejected', 'blocked', 'unknown', 'absent')),
    reply_code      integer,
    reply_enhanced  text,
    reply_text      text,
    recorded_at     timestamptz not null default clock_timestamp(),
    primary key (delivery_id, attempt_no)
);

-- ── evidence ────────────────────────────────────────────────────────────────────────────────────────────────────
-- One hash chain for everything: hash = sha256(0x00 || prev || seq || event_at|subject|kind|body), first prev = 0x00*32.
create table evidence (
    seq          bigint primary key,
    event_at     timestamptz not null,
    subject      text not null,
    kind         text not null,
    body         text not null,
    prev         bytea not null,
    hash         bytea not null,
    recorded_at  timestamptz not null default clock_timestamp()
);
create index evidence_of_subject on evidence (subject, seq);

-- What ran: one row for every completed step or chunk of one.
create table step_run (
    step_run_id     bigint generated always as identity primary key,
    cycle_id        bigint references cycle,
    step            text not null,
    chunk           text,
    counts          jsonb not null,
    sums            jsonb not null,
    sha256          text not null,
    actor           text not null,
    dag_id          text,
    airflow_run_id  text,
    try_number      integer,
    code_version    text not null,
    tariff_sha256s  text[] not null,
    started_at      timestamptz not null,
    event_at        timestamptz not null,
    recorded_at     timestamptz not null default clock_timestamp()
);
create index step_run_of_cycle on step_run (cycle_id, step_run_id);

-- ── append-only ─────────────────────────────────────────────────────────────────────────────────────────────────
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only: % refused', tg_table_name, tg_op using errcode = 'OB001';
end $$;

do $$
declare
    name text;
begin
    foreach name in array array[
        'import_file', 'import_row', 'party', 'account', 'point', 'meter', 'reading', 'finding', 'terms_version',
        'consent_event', 'consent_conversion', 'input_file', 'cycle_input', 'snapshot_account', 'charge',
        'charge_line', 'hold', 'approval', 'invoice', 'billed_period', 'document', 'print_package', 'evidence',
        'step_run'] loop
        execute format('create trigger append_only before update or delete on %I
                        for each row execute function refuse_change()', name);
        execute format('create trigger append_only_truncate before truncate on %I
                        for each statement execute function refuse_change()', name);
    end loop;
end $$;

-- ── least rights ────────────────────────────────────────────────────────────────────────────────────────────────
grant usage on schema public to obieg_app, obieg_auditor;
grant select on all tables in schema public to obieg_app, obieg_auditor;
grant insert on all tables in schema public to obieg_app;
revoke insert on business_clock from obieg_app;
grant update (demo_now) on business_clock to obieg_app;
grant update (valid) on account_party, email_address, contract, delivery_preference to obieg_app;
grant update (state) on email_address to obieg_app;
grant delete on delivery_preference to obieg_app;
grant update (removed_on) on installation to obieg_app;
grant update (state, airflow_run_id) on cycle to obieg_app;
grant update (last_sequence) on invoice_series to obieg_app;
grant update (state, document_id, package_id, not_before, attempts, fence, lease_owner, lease_until, updated_at)
    on delivery to obieg_app;
grant update (ended_at, outcome, reply_code, reply_enhanced, reply_text) on attempt to obieg_app;
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
-- What a person decided about a delivery that did not move on by itself, and in which words.
create table delivery_decision (
    decision_id  bigint generated always as identity primary key,
    delivery_id  uuid not null references delivery,
    decision     text not null check (decision in ('retry', 'paper', 'accepted')),
    decided_by   text not null,
    decided_via  text not null check (decided_via in ('airflow', 'cli')),
    note         text not null check (note <> ''),
    event_at     timestamptz not null,
    recorded_at  timestamptz not null default clock_timestamp()
);
create index decision_of_delivery on delivery_decision (delivery_id, decision_id);
create trigger append_only before update or delete on delivery_decision for each row execute function refuse_change();
create trigger append_only_truncate before truncate on delivery_decision
    for each statement execute function refuse_change();

-- A person has decided that it may leave although the customer keeps less than the lawful term to pay.
alter table delivery add column decided boolean not null default false;

grant select on delivery_decision to obieg_app, obieg_auditor;
grant insert on delivery_decision to obieg_app;
grant update (decided) on delivery to obieg_app;
-- What may be sent where on a day, and which days have left the house as drafts for KSeF.

create index account_party_of_account on account_party (account_id);
create index email_address_of_account on email_address (account_id);
create index delivery_preference_of_account on delivery_preference (account_id);
create index billed_period_of_account on billed_period (account_id, service);
create index billed_period_of_point on billed_period (point_id, service);

-- Whether somebody else became payer or nabywca of an account after ``given_on``, up to ``on_day``. Neither a consent
-- nor an address outlives such a handover: it was another person's.
create function handed_over_since(account bigint, given_on date, on_day date) returns boolean language sql stable as $$
    select exists (
        select 1 from account_party h
        where h.account_id = account and h.role in ('payer', 'nabywca')
          and upper(h.valid) <= on_day and upper(h.valid) > given_on
          and not exists (select 1 from account_party same
                          where same.account_id = h.account_id and same.role = h.role
                            and same.party_id = h.party_id and same.valid @> on_day))
$$;

-- The channel agreed with each account for a day, with its consent, and the address known for it.
create function agreed_delivery(on_day date)
returns table (account_id bigint, channel text, consent_id bigint, email text, email_state text)
language sql stable as $$
    select a.account_id, coalesce(p.channel, 'paper'), p.consent_id, e.address, e.state
    from account a
    left join (delivery_preference p join consent_event c on c.consent_id = p.consent_id)
           on p.account_id = a.account_id and p.valid @> on_day
          and not handed_over_since(a.account_id, (c.received_at at time zone 'Europe/Warsaw')::date, on_day)
    left join email_address e
           on e.account_id = a.account_id and e.valid @> on_day
          and not handed_over_since(
              a.account_id, coalesce((e.confirmed_at at time zone 'Europe/Warsaw')::date, lower(e.valid)), on_day)
$$;

-- Days and readings of drafts that were laid out for the KSeF gateway: billed as far as the next cycle is concerned.
create table drafted_period (
    cycle_id            bigint not null references cycle,
    account_id          bigint not null references account,
    line_no             integer not null,
    point_id            bigint references point,
    service             text not null check (service in ('water', 'sewage', 'abonament')),
    service_no          integer not null generated always as (
                            case service when 'water' then 1 when 'sewage' then 2 else 3 end) stored,
    period              daterange not null check (not isempty(period)),
    current_reading_id  bigint references reading,
    primary key (cycle_id, account_id, line_no),
    foreign key (cycle_id, account_id) references hold,
    constraint no_drafted_day_twice_at_a_point exclude using gist (
        int8range(point_id, point_id, '[]') with &&, int4range(service_no, service_no, '[]') with &&,
        period with &&) where (point_id is not null),
    constraint no_drafted_day_twice_for_a_recipient exclude using gist (
        int8range(account_id, account_id, '[]') with &&, int4range(service_no, service_no, '[]') with &&,
        period with &&) where (point_id is null)
);
create index drafted_period_of_account on drafted_period (account_id, service);
create index drafted_period_of_point on drafted_period (point_id, service);
create index drafted_by_reading on drafted_period (current_reading_id) where current_reading_id is not null;
create trigger append_only before update or delete on drafted_period for each row execute function refuse_change();
create trigger append_only_truncate before truncate on drafted_period
    for each statement execute function refuse_change();
grant select on drafted_period to obieg_app, obieg_auditor;
grant insert on drafted_period to obieg_app;

-- Every day that is billed, as an invoice or as a draft.
create view billed_day as
    select account_id, point_id, service, period from billed_period
    union all
    select account_id, point_id, service, period from drafted_period;
grant select on billed_day to obieg_app, obieg_auditor;
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
-- The order in which meters are read, rounds that go out to readers and come back, and profiles that a person looked at.

-- ── the walk ────────────────────────────────────────────────────────────────────────────────────────────────────
-- Where a point stands in a reader's walk. A reading route; the billing route of the account may be another one.
create table route_stop (
    stop_id      bigint generated always as identity primary key,
    point_id     bigint not null references point,
    route        text not null check (route ~ '^[A-Z0-9]{1,20}$'),
    seq          integer not null check (seq between 1 and 999999),
    place        text not null check (place <> ''),
    note         text check (note <> ''),
    valid        daterange not null,
    file_id      bigint,
    line_no      integer,
    recorded_at  timestamptz not null default clock_timestamp(),
    recorded_by  text not null,
    foreign key (file_id, line_no) references import_row,
    constraint one_stop_a_point_a_day exclude using gist (
        int8range(point_id, point_id, '[]') with &&, valid with &&)
);
create index route_stop_of_route on route_stop (route, seq);

-- A stop may only be ended; what it says never changes.
create trigger only_ends before update on route_stop
    for each row when (lower(old.valid) is distinct from lower(new.valid) and not isempty(new.valid)
                       or not upper_inf(old.valid)
                       or (to_jsonb(old) - 'valid') is distinct from (to_jsonb(new) - 'valid'))
    execute function refuse_change();
create trigger never_gone before delete on route_stop for each row execute function refuse_change();
create trigger append_only_truncate before truncate on route_stop for each statement execute function refuse_change();

-- ── rounds ──────────────────────────────────────────────────────────────────────────────────────────────────────
-- A walk as it was given to a reader: `days` are those within which a reading counts, `sha256` is of the reader's file.
create table reading_round (
    round_id     bigint generated always as identity primary key,
    round_key    text not null unique check (round_key ~ '^[A-Z0-9]+~[0-9]{4}-[0-9]{2}-[0-9]{2}~[0-9]+$'),
    route        text not null check (route ~ '^[A-Z0-9]{1,20}$'),
    days         daterange not null,
    revision     integer not null check (revision > 0),
    state        text not null check (state in ('open', 'closed', 'superseded')),
    stops        integer not null check (stops > 0),
    sha256       text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    event_at     timestamptz not null,
    recorded_at  timestamptz not null default clock_timestamp(),
    recorded_by  text not null,
    unique (round_id, days, state),
    constraint has_a_first_and_a_last_day check (not isempty(days) and not lower_inf(days) and not upper_inf(days))
);
create unique index round_live on reading_round (route, days) where state = 'open';

create table round_stop (
    round_id           bigint not null,
    days               daterange not null,
    round_state        text not null,
    seq                integer not null check (seq > 0),
    installation_id    bigint not null references installation,
    in_walk            boolean not null,
    last_index_m3      numeric(12, 3),
    last_read_on       date,
    use_m3_day         numeric(12, 3) check (use_m3_day >= 0),
    expected_index_m3  numeric(12, 3) not null,
    low_index_m3       numeric(12, 3) not null,
    high_index_m3      numeric(12, 3) not null,
    primary key (round_id, seq),
    unique (round_id, installation_id),
    foreign key (round_id, days, round_state) references reading_round (round_id, days, state) on update cascade,
    constraint limits_in_order check (low_index_m3 <= expected_index_m3 and expected_index_m3 <= high_index_m3),
    constraint last_index_has_a_day check ((last_index_m3 is null) = (last_read_on is null)),
    constraint one_open_round_a_meter_a_day exclude using gist (
        int8range(installation_id, installation_id, '[]') with &&, days with &&) where (round_state = 'open')
);

-- How each stop of a closed round ended.
create table round_result (
    round_id      bigint not null,
    seq           integer not null,
    state         text not null check (state in ('read', 'coded', 'suspect', 'gone', 'listed')),
    reading_id    bigint references reading,
    reason        text,
    successor_id  bigint references installation,
    event_at      timestamptz not null,
    recorded_at   timestamptz not null default clock_timestamp(),
    recorded_by   text not null,
    primary key (round_id, seq),
    foreign key (round_id, seq) references round_stop,
    constraint a_reading_or_none check ((state in ('read', 'coded', 'suspect')) = (reading_id is not null)),
    constraint a_reason_or_none check ((state in ('coded', 'suspect', 'listed')) = (reason is not null)),
    constraint successor_of_a_gone_meter check (successor_id is null or state = 'gone')
);
create index round_result_by_reading on round_result (reading_id) where reading_id is not null;

create function refuse_open_stops() returns trigger language plpgsql as $$
declare
    without bigint;
begin
    select count(*) into without
    from public.round_stop s
    left join public.round_result r using (round_id, seq)
    where s.round_id = new.round_id and r.seq is null;
    if without = 0 then
        return new;
    end if;
    raise exception 'round %: % stops have no result', new.round_key, without using errcode = 'OB002';
end $$;

create trigger legal_state before update of state on reading_round
    for each row when (old.state is distinct from new.state)
    execute function refuse_other_states('open>closed', 'open>superseded');
create trigger no_stop_left before update of state on reading_round
    for each row when (new.state = 'closed' and old.state <> 'closed') execute function refuse_open_stops();
create trigger only_its_state before update on reading_round
    for each row when ((to_jsonb(old) - 'state') is distinct from (to_jsonb(new) - 'state'))
    execute function refuse_change();
create trigger never_gone before delete on reading_round for each row execute function refuse_change();
create trigger legal_start before insert on reading_round
    for each row when (current_user = 'obieg_app' and new.state <> 'open') execute function refuse_late_start('state');

create trigger only_its_state before update on round_stop
    for each row when ((to_jsonb(old) - 'round_state') is distinct from (to_jsonb(new) - 'round_state'))
    execute function refuse_change();
create trigger never_gone before delete on round_stop for each row execute function refuse_change();
create trigger legal_start before insert on round_stop
    for each row when (new.round_state <> 'open') execute function refuse_late_start('round_state');

-- ── profiles of reading files ───────────────────────────────────────────────────────────────────────────────────
-- Who looked at which file as a profile reads it. An edited profile has another hash and needs another look.
create table profile_approval (
    approval_id     bigint generated always as identity primary key,
    profile         text not null,
    profile_sha256  text not null check (profile_sha256 = encode(sha256(content), 'hex')),
    content         bytea not null,
    file_name       text not null,
    file_sha256     text not null check (file_sha256 ~ '^[0-9a-f]{64}$'),
    approved_by     text not null,
    approved_via    text not null check (approved_via in ('airflow', 'cli')),
    note            text not null check (note <> ''),
    event_at        timestamptz not null,
    recorded_at     timestamptz not null default clock_timestamp(),
    unique (profile, profile_sha256, file_sha256)
);

do $$
declare
    name text;
begin
    foreach name in array array['round_result', 'profile_approval'] loop
        execute format('create trigger append_only before update or delete on %I
                        for each row execute function refuse_change()', name);
    end loop;
    foreach name in array array['reading_round', 'round_stop', 'round_result', 'profile_approval'] loop
        execute format('create trigger append_only_truncate before truncate on %I
                        for each statement execute function refuse_change()', name);
    end loop;
end $$;

grant select on route_stop, reading_round, round_stop, round_result, profile_approval to obieg_app, obieg_auditor;
grant insert on route_stop, reading_round, round_stop, round_result, profile_approval to obieg_app;
grant update (valid) on route_stop to obieg_app;
grant update (state) on reading_round to obieg_app;
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
-- Subsidies of gminas (dopłata gminy): where a point lies, what was agreed, and what each line and invoice carries.

-- The gmina of a point, written down once: with the point, or later for a point that came without one.
create table point_gmina (
    point_id     bigint primary key references point,
    gmina        text not null check (gmina <> ''),
    file_id      bigint,
    line_no      integer,
    event_at     timestamptz not null,
    recorded_at  timestamptz not null default clock_timestamp(),
    recorded_by  text not null,
    foreign key (file_id, line_no) references import_row
);
create trigger append_only before update or delete on point_gmina for each row execute function refuse_change();
create trigger append_only_truncate before truncate on point_gmina for each statement execute function refuse_change();
grant select on point_gmina to obieg_app, obieg_auditor;
grant insert on point_gmina to obieg_app;

-- Subsidies of the tariff files, written down once more at the freeze beside cycle_price.
create table cycle_subsidy (
    cycle_id       bigint not null,
    tariff_sha256  text not null,
    tariff_group   text not null,
    service        text not null check (service in ('water', 'sewage')),
    gmina          text not null,
    mode           text not null check (mode in ('net', 'gross')),
    zl_m3          numeric(10, 4) not null check (zl_m3 > 0),
    valid_from     date not null,
    valid_until    date check (valid_until > valid_from),
    basis          text not null,
    primary key (cycle_id, tariff_sha256, tariff_group, service, gmina, valid_from),
    foreign key (cycle_id, tariff_sha256, tariff_group) references cycle_group
);
create trigger append_only before update or delete on cycle_subsidy for each row execute function refuse_change();
create trigger append_only_truncate before truncate on cycle_subsidy
    for each statement execute function refuse_change();

-- On which days a gmina pays what: those of the subsidy, as far as its tariff prices them.
create view cycle_subsidy_days as
    select p.cycle_id, p.tariff_class, p.channel, p.service, s.gmina, p.tariff_sha256, p.tariff_group, s.mode, s.zl_m3,
           s.basis, p.days * daterange(s.valid_from, s.valid_until) as days
    from cycle_price_days p
    join cycle_subsidy s using (cycle_id, tariff_sha256, tariff_group, service)
    where p.days && daterange(s.valid_from, s.valid_until);
grant select on cycle_subsidy, cycle_subsidy_days to obieg_app, obieg_auditor;
grant insert on cycle_subsidy to obieg_app;

-- What the gmina pays of a line: net in net mode (its price_zl is then what is left), else gross.
alter table charge_line
    add column gmina text,
    add column subsidy_mode text check (subsidy_mode in ('net', 'gross')),
    add column subsidy_zl_m3 numeric(10, 4),
    add column subsidy_zl numeric(12, 2),
    add column subsidy_basis text,
    add constraint subsidy_is_whole check (
        num_nonnulls(gmina, subsidy_mode, subsidy_zl_m3, subsidy_zl, subsidy_basis) in (0, 5)),
    add constraint subsidy_is_for_m3 check (subsidy_mode is null or service <> 'abonament');
create index charge_line_subsidised on charge_line (charge_id) where subsidy_mode is not null;

-- What comes off the net has come off already; what comes off the gross leaves the amount to pay.
alter table charge
    add column subsidy_net_zl numeric(12, 2) not null default 0,
    add column subsidy_gross_zl numeric(12, 2) not null default 0,
    add column payable_zl numeric(12, 2) not null generated always as (gross_zl - subsidy_gross_zl) stored;
alter table invoice
    add column subsidy_net_zl numeric(12, 2) not null default 0,
    add column subsidy_gross_zl numeric(12, 2) not null default 0,
    add column payable_zl numeric(12, 2) not null generated always as (gross_zl - subsidy_gross_zl) stored;
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
-- Connections (przyłącza), points that lie behind other points, and meters that are not the main one of their point.

create table connection (
    connection_id  bigint generated always as identity primary key,
    connection_no  text not null unique,
    service        text not null check (service in ('water', 'sewage')),
    street         text not null,
    postcode       text not null,
    city           text not null,
    diameter_mm    smallint check (diameter_mm > 0),
    built_on       date,
    file_id        bigint,
    line_no        integer,
    change_id      bigint references registry_change,
    recorded_at    timestamptz not null default clock_timestamp(),
    recorded_by    text not null,
    foreign key (file_id, line_no) references import_row
);
create trigger append_only before update or delete on connection for each row execute function refuse_change();
create trigger append_only_truncate before truncate on connection for each statement execute function refuse_change();
grant select on connection to obieg_app, obieg_auditor;
grant insert on connection to obieg_app;

-- ``parent_point_id``: the point whose main meter counts this point's water too (a flat behind its building's meter).
alter table point
    add column water_connection_id bigint references connection,
    add column sewage_connection_id bigint references connection,
    add column parent_point_id bigint references point,
    add constraint not_its_own_parent check (parent_point_id <> point_id);
create index point_by_parent on point (parent_point_id) where parent_point_id is not null;

-- ``main``: counts what the point takes; ``garden``: water used irretrievably (uzzwś art. 27 ust. 6); ``sub``: a part of
-- what the main meter counts. The percentages are the shares of its m³ billed as water and as sewage.
alter table installation
    add column purpose text not null default 'main' check (purpose in ('main', 'garden', 'sub')),
    add column water_percent numeric(5, 2) not null default 100 check (water_percent between 0 and 100),
    add column sewage_percent numeric(5, 2) not null default 100 check (sewage_percent between 0 and 100),
    drop constraint one_meter_at_a_time,
    add constraint one_main_meter_at_a_time exclude using gist (
        int8range(point_id, point_id, '[]') with &&, int4range(register, register, '[]') with &&,
        daterange(installed_on, removed_on) with &&) where (purpose = 'main');

-- The tree below a point, as it is walked: its own row first, level 0.
create function points_below(top bigint) returns table (point_id bigint, level integer) language sql stable as $$
    with recursive tree as (
        select top as point_id, 0 as level
        union all
        select p.point_id, t.level + 1 from tree t join point p on p.parent_point_id = t.point_id
    ) cycle point_id set is_cycle using path
    select point_id, level from tree where not is_cycle
$$;

-- Whatever a registry file brings may come by a change as well.
alter table point_gmina add column change_id bigint references registry_change;
alter table route_stop add column change_id bigint references registry_change;

-- ── after a large load ──────────────────────────────────────────────────────────────────────────────────────────
-- The planner's statistics of our tables as they are inside this transaction; else the first queries over what was just
-- loaded are planned for empty tables, and the time of some grows with the square of the rows.
create function refresh_statistics() returns void language plpgsql security definer set search_path = pg_catalog as $$
declare
    name text;
begin
    for name in select tablename from pg_tables where schemaname = 'public' and tableowner = current_user loop
        execute format('analyze public.%I', name);
    end loop;
end $$;
revoke execute on function refresh_statistics() from public;
grant execute on function refresh_statistics() to obieg_app;
-- Lines of every kind of charge, how a quantity came about, and what a person decided about a reading.

-- ── services ─────────────────────────────────────────────────────────────────────────────────────────────────────
-- abonament_sewage: the abonament of sewage where the tariff has one of its own; excess: industrial sewage above its
-- permitted indicators; extra: services outside the tariff.
create function service_number(service text) returns integer language sql immutable parallel safe as $$
    select array_position(array['water', 'sewage', 'abonament', 'abonament_sewage', 'stormwater', 'excess', 'extra'],
                          service)
$$;

alter table charge_line
    drop constraint charge_line_service_check,
    add constraint charge_line_service_check check (service_number(service) is not null);
alter table cycle_price
    drop constraint cycle_price_service_check,
    add constraint cycle_price_service_check check (service_number(service) is not null);

alter table billed_period
    drop constraint billed_period_service_check,
    drop constraint no_day_twice_at_a_point,
    drop constraint no_day_twice_for_a_recipient,
    drop column service_no,
    add constraint billed_period_service_check check (service_number(service) is not null),
    add column service_no integer not null generated always as (service_number(service)) stored;
alter table billed_period
    add constraint no_day_twice_at_a_point exclude using gist (
        int8range(point_id, point_id, '[]') with &&, int4range(service_no, service_no, '[]') with &&,
        period with &&) where (point_id is not null),
    add constraint no_day_twice_for_a_recipient exclude using gist (
        int8range(account_id, account_id, '[]') with &&, int4range(service_no, service_no, '[]') with &&,
        period with &&) where (point_id is null);

alter table drafted_period
    drop constraint drafted_period_service_check,
    drop constraint no_drafted_day_twice_at_a_point,
    drop constraint no_drafted_day_twice_for_a_recipient,
    drop column service_no,
    add constraint drafted_period_service_check check (service_number(service) is not null),
    add column service_no integer not null generated always as (service_number(service)) stored;
alter table drafted_period
    add constraint no_drafted_day_twice_at_a_point exclude using gist (
        int8range(point_id, point_id, '[]') with &&, int4range(service_no, service_no, '[]') with &&,
        period with &&) where (point_id is not null),
    add constraint no_drafted_day_twice_for_a_recipient exclude using gist (
        int8range(account_id, account_id, '[]') with &&, int4range(service_no, service_no, '[]') with &&,
        period with &&) where (point_id is null);

-- ── how a quantity came about ────────────────────────────────────────────────────────────────────────────────────
-- origin: what named the quantity where no register measured it. share: the line's days of the whole between its two readings, where a
-- price or a contract began in between. row_no: several lines of the same days (blocks, indicators) are numbered, and
-- only the first occupies the days.
alter table charge_line
    add column origin text check (origin in ('norm', 'contract', 'area', 'order', 'forecast', 'settled_forecast')),
    add column row_no smallint not null default 1 check (row_no > 0),
    add column share_days integer check (share_days > 0),
    add column share_of_days integer check (share_of_days > share_days),
    add column share_of_m3 numeric(12, 3),
    add column share_after_days integer check (share_after_days >= 0),
    add column block_from_m3 numeric(12, 3),
    add column block_until_m3 numeric(12, 3) check (block_until_m3 > block_from_m3),
    add column indicator text,
    add column indicator_measured numeric(14, 4),
    add column indicator_permitted numeric(14, 4) check (indicator_permitted > 0),
    add constraint share_is_whole check (
        num_nonnulls(share_days, share_of_days, share_of_m3, share_after_days) in (0, 4)),
    add constraint excess_is_whole check (
        num_nonnulls(indicator, indicator_measured, indicator_permitted) = case service when 'excess' then 3 else 0 end);

-- Each register that had a share in a line's quantity, where that is not just one register between two readings.
create table charge_line_part (
    charge_id            bigint not null,
    line_no              integer not null,
    part_no              integer not null check (part_no > 0),
    meter_no             text not null,
    purpose              text not null,
    previous_reading_id  bigint not null references reading,
    current_reading_id   bigint not null references reading,
    previous_index_m3    numeric(12, 3) not null,
    current_index_m3     numeric(12, 3) not null,
    volume_m3            numeric(12, 3) not null,
    percent              numeric(7, 2) not null,
    primary key (charge_id, line_no, part_no),
    foreign key (charge_id, line_no) references charge_line
);
create index charge_line_part_by_reading on charge_line_part (current_reading_id);

-- ── what a person decided about a reading ────────────────────────────────────────────────────────────────────────
-- The reading stays as it came. edited and corrected carry the index that counts from then on (corrected: of a billed
-- reading, together with the correction of its invoices); estimated names the estimate that stands for it.
create table reading_decision (
    reading_id   bigint not null references reading,
    decision_no  integer not null check (decision_no > 0),
    decision     text not null check (decision in ('confirmed', 'edited', 'void', 'estimated', 'corrected')),
    index_m3     numeric(12, 3) check (index_m3 >= 0),
    estimate_id  bigint references reading,
    reason       text not null check (reason <> ''),
    decided_by   text not null,
    decided_via  text not null check (decided_via in ('airflow', 'cli')),
    event_at     timestamptz not null,
    recorded_at  timestamptz not null default clock_timestamp(),
    primary key (reading_id, decision_no),
    constraint an_index_where_it_changes check ((decision in ('edited', 'corrected')) = (index_m3 is not null)),
    constraint an_estimate_where_it_stands_for check ((decision = 'estimated') = (estimate_id is not null))
);

-- Readings as they count now: with the newest decision, its index and its state.
create view reading_now as
    select r.reading_id, r.installation_id, r.meter_id, r.register, r.read_at, r.read_on, r.source, r.quality,
           coalesce(d.index_m3, r.index_m3) as index_m3, r.index_m3 as index_received_m3, r.reason_code,
           case d.decision when 'confirmed' then 'CONFIRMED' when 'edited' then 'EDITED' when 'corrected' then 'EDITED'
                           when 'void' then 'VOID' when 'estimated' then 'ESTIMATED' else r.state end as state,
           coalesce(d.decision in ('confirmed', 'edited', 'corrected'), r.state = 'VALID')
               and coalesce(d.index_m3, r.index_m3) is not null as is_usable,
           r.alarms, r.external_id, r.recorded_at
    from reading r
    left join lateral (
        select e.decision, e.index_m3 from reading_decision e
        where e.reading_id = r.reading_id order by e.decision_no desc limit 1
    ) d on true;

do $$
declare
    name text;
begin
    foreach name in array array['charge_line_part', 'reading_decision'] loop
        execute format('create trigger append_only before update or delete on %I
                        for each row execute function refuse_change()', name);
        execute format('create trigger append_only_truncate before truncate on %I
                        for each statement execute function refuse_change()', name);
    end loop;
end $$;
grant select on charge_line_part, reading_decision, reading_now to obieg_app, obieg_auditor;
grant insert on charge_line_part, reading_decision to obieg_app;
-- The checks of readings: who acts on a finding, findings of a register that nobody read, what a meter can pass.

-- q3_m3h: the permanent flow for which the meter was made (Q3), m³ an hour; null: not known.
alter table installation add column q3_m3h numeric(6, 3) check (q3_m3h > 0);

-- A finding belongs to a reading, or to a register and a day: a missing reading, a lapsed legalisation.
alter table finding
    add column owner text not null default 'office'
        check (owner in ('supplier', 'office', 'field', 'customer', 'operator')),
    add column installation_id bigint references installation,
    add column on_day date,
    alter column reading_id drop not null,
    add constraint of_a_reading_or_of_a_register check (
        num_nonnulls(reading_id, installation_id) = 1 and (installation_id is null) = (on_day is null));
alter table finding alter column owner drop default;
create unique index finding_of_register on finding (installation_id, code, on_day) where reading_id is null;

-- A reading that a later check doubts becomes suspect: once, before it is billed, and never back. What a person decides
-- about it is written beside it.
create function refuse_all_but_doubt() returns trigger language plpgsql as $$
begin
    if old.state <> 'VALID' or new.state <> 'SUSPECT' or to_jsonb(old) - 'state' <> to_jsonb(new) - 'state' then
        raise exception 'reading is append-only: % refused', tg_op using errcode = 'OB001';
    end if;
    if public.reading_billed_by(old.reading_id) is not null then
        raise exception 'reading %: it is billed, a check comes too late', old.reading_id using errcode = 'OB002';
    end if;
    return new;
end $$;
drop trigger append_only on reading;
create trigger append_only before delete on reading for each row execute function refuse_change();
create trigger only_doubted before update on reading for each row execute function refuse_all_but_doubt();
grant update (state) on reading to obieg_app;
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
-- Prices by season, in blocks, for several months, by diameter and kind of nabywca; an abonament of sewage; named models.

-- ── charges that are owed by the month ───────────────────────────────────────────────────────────────────────────
create function is_standing(service text) returns boolean language sql immutable parallel safe as
    $$ select service in ('abonament', 'abonament_sewage') $$;

alter table charge_line
    drop constraint subsidy_is_for_m3,
    add constraint subsidy_is_for_m3 check (subsidy_mode is null or not is_standing(service));

-- The old system hands over one day up to which it has billed the abonament: of water and of sewage alike.
create or replace view settled_day as
    select c.account_id, c.point_id, service, c.valid * s.days as period
    from contract c
    join point_settled s on s.point_id = c.point_id and s.days && c.valid
    cross join unnest(array['water', 'sewage']) as service
    union all
    select b.account_id, null, service, daterange(null, b.standing_billed_until)
    from opening_balance b
    cross join unnest(array['abonament', 'abonament_sewage']) as service
    where b.replaced_at is null and b.standing_billed_until is not null;

create or replace function refuse_settled_day() returns trigger language plpgsql as $$
begin
    if public.is_standing(new.service) then
        if exists (select 1 from public.opening_balance b
                   where b.account_id = new.account_id and b.replaced_at is null
                     and b.standing_billed_until > lower(new.period)) then
            raise exception '% %: the old system has billed it', new.service, new.period using errcode = 'OB002';
        end if;
    elsif exists (select 1 from public.point_settled s where s.point_id = new.point_id and s.days && new.period) then
        raise exception '% %: the old system has billed it', new.service, new.period using errcode = 'OB002';
    end if;
    return new;
end $$;

create or replace function refuse_waived_month() returns trigger language plpgsql as $$
declare
    account bigint;
begin
    select a.account_id into account
    from added a
    join public.hold_resolution r on r.account_id = a.account_id and r.outcome = 'waived'
    join public.cycle y on y.cycle_id = r.cycle_id
    where public.is_standing(a.service) and y.period && a.period
    limit 1;
    if account is not null then
        raise exception '%: a month of account % was waived', tg_table_name, account using errcode = 'OB002';
    end if;
    return null;
end $$;

-- Whichever abonament an account owes, it is billed up to one day.
create or replace function standing_owed(of_account bigint, of_point bigint, cycle_start date)
returns table (standing_from date, waived datemultirange) language sql stable as $$
    select coalesce(
               first_open_month((select max(upper(b.period)) from billed_day b
                                 where b.account_id = of_account and is_standing(b.service)
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

-- ── prices as the tariff files have them, for the checks ─────────────────────────────────────────────────────────
-- diameters and payer: for whose points alone the group is (null: for all); block_per: of what thresholds count m³.
alter table cycle_group
    add column diameters int4multirange check (not isempty(diameters)),
    add column payer text check (payer in ('natural_person', 'organisation')),
    add column metering text check (metering in ('main_meter', 'flat', 'norm')),
    add column block_per text not null default 'bill' check (block_per in ('bill', 'month'));

-- season: 'MM-DD..MM-DD', both days included, or '' for the days of no season; block_from_m3: above so many m³;
-- per_months: a rate of abonament is for so many months.
alter table cycle_price
    add column season text not null default '' check (season ~ '^(\d\d-\d\d\.\.\d\d-\d\d)?$'),
    add column block_from_m3 numeric(12, 3) not null default 0 check (block_from_m3 >= 0),
    add column per_months integer not null default 1 check (per_months between 1 and 12),
    drop constraint cycle_price_pkey,
    add primary key (cycle_id, tariff_sha256, tariff_group, service, valid_from, season, block_from_m3);

-- The day of a year that 'MM-DD' names; 29 February of a common year is 1 March.
create function day_in_year(month_day text, year integer) returns date language sql immutable parallel safe as $$
    select make_date(year, left(month_day, 2)::integer, 1) + (right(month_day, 2)::integer - 1)
$$;

-- Days of the season within a range that has both ends. It ends before the day after its last one: after 28 February that
-- is the 29th of a leap year; a season up to the 29th lasts to the end of the month in every year.
create function season_days(season text, within daterange) returns datemultirange
language sql immutable parallel safe as $$
    select coalesce(range_agg(within * daterange(
               day_in_year(left(season, 5), year),
               case when right(season, 5) = '02-29' then make_date(ends, 3, 1)
                    else day_in_year(right(season, 5), ends) + 1 end)), '{}')
    from generate_series(extract(year from lower(within))::integer - 1, extract(year from upper(within))::integer) year
    cross join lateral (select year + (right(season, 5) < left(season, 5))::integer as ends) e
$$;

-- What a day costs in a cycle: the prices of one first day hold together until the next ones of their group, or until
-- the next tariff begins; in its season a price holds before that of the whole year. Seasons are laid out as far as a
-- cycle can bill.
create or replace view cycle_price_days as
with tariff as (
    select cycle_id, tariff_sha256, lead(tariff_from) over (partition by cycle_id order by tariff_from) as until
    from (select distinct cycle_id, tariff_sha256, tariff_from from cycle_group) each_once
), step as (
    select cycle_id, tariff_sha256, tariff_group, service, valid_from, seasons,
           lead(valid_from) over (partition by cycle_id, tariff_sha256, tariff_group, service order by valid_from)
               as following
    from (select cycle_id, tariff_sha256, tariff_group, service, valid_from,
                 array_agg(distinct season) filter (where season <> '') as seasons
          from cycle_price
          group by cycle_id, tariff_sha256, tariff_group, service, valid_from) each_once
)
select g.cycle_id, g.tariff_class, channel, p.service, g.tariff_sha256, g.tariff_group, p.net_zl, days,
       p.season, p.block_from_m3, p.per_months, g.diameters, g.payer, g.block_per
from cycle_group g
join cycle y using (cycle_id)
join tariff t using (cycle_id, tariff_sha256)
join cycle_price p using (cycle_id, tariff_sha256, tariff_group)
join step s using (cycle_id, tariff_sha256, tariff_group, service, valid_from)
cross join unnest(g.channels) as channel
cross join lateral (select daterange(p.valid_from, least(t.until, s.following)) as whole) w
cross join lateral (
    select case when s.seasons is null then w.whole
                else w.whole * daterange(null, greatest(y.issue_date, upper(y.period)) + 1000) end as laid_out) l
cross join lateral unnest(
    case when s.seasons is null then datemultirange(l.laid_out)
         when p.season <> '' then season_days(p.season, l.laid_out)
         else datemultirange(l.laid_out)
              - (select range_agg(one) from unnest(s.seasons) as season
                 cross join lateral unnest(season_days(season, l.laid_out)) as one) end) as days
where t.until is null or p.valid_from < t.until;

create or replace view cycle_subsidy_days as
    select p.cycle_id, p.tariff_class, p.channel, p.service, s.gmina, p.tariff_sha256, p.tariff_group, s.mode, s.zl_m3,
           s.basis, p.days * daterange(s.valid_from, s.valid_until) as days
    from cycle_price_days p
    join cycle_subsidy s using (cycle_id, tariff_sha256, tariff_group, service)
    where p.block_from_m3 = 0 and p.days && daterange(s.valid_from, s.valid_until);

-- ── the impact of a tariff ───────────────────────────────────────────────────────────────────────────────────────
-- without_bill_length: thresholds count the m³ of a bill, and a year tells nothing of how long the bills are.
alter table tariff_impact
    add column without_bill_length integer not null default 0 check (without_bill_length >= 0),
    drop constraint every_account_once,
    add constraint every_account_once check (
        accounts = rated + without_history + without_price + without_price_before + without_bill_length);

-- ── the named models by which a cycle was rated ──────────────────────────────────────────────────────────────────
create table cycle_model (
    cycle_id  bigint not null references cycle,
    name      text not null,
    value     text not null,
    primary key (cycle_id, name)
);
create trigger append_only before update or delete on cycle_model for each row execute function refuse_change();
create trigger append_only_truncate before truncate on cycle_model for each statement execute function refuse_change();
grant select on cycle_model to obieg_app, obieg_auditor;
grant insert on cycle_model to obieg_app;
-- Quantities: of what no meter counts, of meters behind the main one and of points behind a point; and up to which index
-- a reading was billed.

-- ── what a contract says of a service that no meter counts ──────────────────────────────────────────────────────
-- basis norm: so many persons by that norm (billing/law/norms.toml); contract: so many m³ a month. One row a day.
create table contract_quantity (
    contract_id       bigint not null references contract,
    service           text not null check (service in ('water', 'sewage')),
    basis             text not null check (basis in ('norm', 'contract')),
    norm              text,
    persons           smallint check (persons > 0),
    m3_month          numeric(12, 3) check (m3_month >= 0),
    valid             daterange not null check (not lower_inf(valid)),
    file_id           bigint,
    line_no           integer,
    change_id         bigint references registry_change,
    recorded_at       timestamptz not null default clock_timestamp(),
    recorded_by       text not null,
    ended_at          timestamptz,
    ended_by          text,
    ended_change_id   bigint references registry_change,
    told_from         date,
    foreign key (file_id, line_no) references import_row,
    constraint what_its_basis_needs check (
        case basis when 'norm' then num_nonnulls(norm, persons) = 2 and m3_month is null
                   else m3_month is not null and num_nulls(norm, persons) = 2 end),
    constraint one_quantity_of_a_service_a_day exclude using gist (
        int8range(contract_id, contract_id, '[]') with &&,
        int4range(service_number(service), service_number(service), '[]') with &&, valid with &&)
);
create trigger append_only before delete on contract_quantity for each row execute function refuse_change();
create trigger append_only_truncate before truncate on contract_quantity
    for each statement execute function refuse_change();
create trigger only_ends before update on contract_quantity
    for each row when ((old.contract_id, old.service, old.basis, old.norm, old.persons, old.m3_month, old.recorded_at,
                        old.recorded_by)
                       is distinct from (new.contract_id, new.service, new.basis, new.norm, new.persons, new.m3_month,
                                         new.recorded_at, new.recorded_by))
    execute function refuse_change();
create trigger ends_once before update of valid on contract_quantity
    for each row when (old.valid is distinct from new.valid) execute function note_end();
grant select on contract_quantity to obieg_app, obieg_auditor;
grant insert on contract_quantity to obieg_app;
grant update (valid, ended_by, ended_change_id) on contract_quantity to obieg_app;

create index contract_by_point on contract (point_id);

-- ── meters ──────────────────────────────────────────────────────────────────────────────────────────────────────
-- intake: the customer's own well; sewage: what runs off, measured (uzzwś art. 27 ust. 4). Both stand beside the main one.
alter table installation
    drop constraint installation_purpose_check,
    add constraint installation_purpose_check check (purpose in ('main', 'garden', 'sub', 'intake', 'sewage')),
    add column if not exists q3_m3h numeric(6, 3) check (q3_m3h > 0),
    add column if not exists diameter_mm smallint check (diameter_mm > 0);

-- ── how a line came about ───────────────────────────────────────────────────────────────────────────────────────
-- m³ a month that the contract or the norm gives; norm and persons where it is a norm.
alter table charge_line
    add column terms_norm text,
    add column terms_persons smallint,
    add column terms_m3_month numeric(12, 3),
    add constraint terms_are_whole check (
        (terms_m3_month is null) <= (terms_norm is null) and (terms_norm is null) = (terms_persons is null));
-- lapsed_on: the last day of a legalisation that lapsed, so nothing comes off. billed: the days of the volume that are
-- the contract's, where contracts share what is between the readings.
alter table charge_line_part
    add column lapsed_on date,
    add column billed daterange;

-- ── up to which index a reading was billed, at which point ──────────────────────────────────────────────────────
-- Readings that end a line of a KSeF draft, those of its parts included, as drafted_period holds its days.
create table drafted_index (
    cycle_id    bigint not null,
    account_id  bigint not null,
    point_id    bigint references point,
    reading_id  bigint not null references reading,
    index_m3    numeric(12, 3) not null,
    foreign key (cycle_id, account_id) references hold
);
create index drafted_index_by_reading on drafted_index (reading_id);
create trigger append_only before update or delete on drafted_index for each row execute function refuse_change();
create trigger append_only_truncate before truncate on drafted_index
    for each statement execute function refuse_change();
grant select on drafted_index to obieg_app, obieg_auditor;
grant insert on drafted_index to obieg_app;

-- What the lines of a draft (canonical JSON) bill to the end of their readings, by themselves or by their parts.
create function indexes_of_draft(draft text) returns table (point_no text, reading_id bigint, index_m3 numeric)
language sql immutable parallel safe as $$
    select distinct l.line ->> 'point_no', cast(counted.one ->> 'current_reading_id' as bigint),
           cast(counted.one ->> 'current_index_m3' as numeric)
    from jsonb_array_elements(cast(draft as jsonb) -> 'lines') as l (line)
    cross join lateral (select l.line as one
                        union all select * from jsonb_array_elements(l.line -> 'parts')) counted
    where counted.one ->> 'current_reading_id' is not null
      and coalesce(cast(l.line #>> '{share,after_days}' as integer) + cast(l.line #>> '{share,days}' as integer)
                   = cast(l.line #>> '{share,of_days}' as integer), true)
$$;

insert into drafted_index (cycle_id, account_id, point_id, reading_id, index_m3)
select h.cycle_id, h.account_id, p.point_id, n.reading_id, n.index_m3
from hold h
cross join lateral indexes_of_draft(h.draft) n
left join point p on p.point_no = n.point_no
where h.draft is not null
  and exists (select 1 from drafted_period d where d.cycle_id = h.cycle_id and d.account_id = h.account_id);

-- A line that bills only the first days between two readings does not bill its second one.
create view reading_billed as
    select l.point_id, l.current_reading_id as reading_id, l.current_index_m3 as index_m3
    from charge_line l
    join charge_in_force using (charge_id)
    where l.current_reading_id is not null
      and (l.share_days is null or l.share_after_days + l.share_days = l.share_of_days)
    union all
    select l.point_id, p.current_reading_id, p.current_index_m3
    from charge_line_part p
    join charge_line l using (charge_id, line_no)
    join charge_in_force using (charge_id)
    where l.share_days is null or l.share_after_days + l.share_days = l.share_of_days
    union all
    select point_id, reading_id, index_m3 from drafted_index;
grant select on reading_billed to obieg_app, obieg_auditor;

-- ── norms as they were when a cycle was frozen, for its checks ──────────────────────────────────────────────────
create table cycle_norm (
    cycle_id         bigint not null references cycle,
    norm             text not null,
    m3_person_month  numeric(12, 3) not null check (m3_person_month >= 0),
    primary key (cycle_id, norm)
);
create trigger append_only before update or delete on cycle_norm for each row execute function refuse_change();
create trigger append_only_truncate before truncate on cycle_norm for each statement execute function refuse_change();
grant select on cycle_norm to obieg_app, obieg_auditor;
grant insert on cycle_norm to obieg_app;

-- ── contracts, and those on points behind their points ──────────────────────────────────────────────────────────
-- Under each contract: itself (behind_id null), and the contracts on the nearest points with main meters behind its
-- point that may have used water since the point in front was billed. front_point_id is the point of the contract asked
-- for, point_id the one whose meters are meant, billed_until the first day in front that is not billed.
create function tenures(contract_ids bigint[])
returns table (contract_id bigint, behind_id bigint, front_point_id bigint, point_id bigint, contract_from date,
               contract_until date, billed_until date)
language sql stable as $$
    with recursive top as materialized (
        select c.contract_id, c.point_id, lower(c.valid) as contract_from, upper(c.valid) as contract_until
        from contract c
        where c.contract_id = any(contract_ids)
    ), below as (
        select t.contract_id, t.point_id as front_point_id, p.point_id
        from top t
        join point p on p.parent_point_id = t.point_id
        union
        select b.contract_id, b.front_point_id, p.point_id
        from below b
        join point p on p.parent_point_id = b.point_id
        where not exists (select 1 from installation i where i.point_id = b.point_id and i.purpose = 'main')
    ), front as materialized (
        select f.front_point_id, (select max(upper(d.period)) from billed_day d
                                  where d.point_id = f.front_point_id and d.service in ('water', 'sewage')) as billed_until
        from (select distinct b.front_point_id from below b) f
    )
    select t.contract_id, null::bigint, t.point_id, t.point_id, t.contract_from, t.contract_until, null::date from top t
    union all
    select b.contract_id, c.contract_id, b.front_point_id, c.point_id, lower(c.valid), upper(c.valid), f.billed_until
    from below b
    join top t using (contract_id)
    join front f on f.front_point_id = b.front_point_id
    join contract c on c.point_id = b.point_id and not isempty(c.valid)
                   and c.valid && daterange(t.contract_from, t.contract_until)
    where coalesce(upper(c.valid), 'infinity') > coalesce(f.billed_until, '-infinity')
$$;

-- ── a second opinion on what a register counted ─────────────────────────────────────────────────────────────────
-- From an index that was billed to a reading: their difference after the reading is cut to the digits that are billed;
-- through zero when it stood near its end and used what a meter can; also below zero when somebody read what an estimate
-- had billed; nothing when the register ran back by jitter. Null: none of these.
create function model_figure(of_cycle bigint, figure text) returns numeric language sql stable as $$
    select m.value::numeric from cycle_model m where m.cycle_id = of_cycle and m.name = figure
$$;

create function counted_m3(previous_m3 numeric, billed_m3 numeric, current_m3 numeric, decimals integer, dials integer,
                           days integer, settles boolean, jitter_m3 numeric, rollover_share numeric, max_m3_day numeric)
returns numeric language sql immutable as $$
    select case
        when current_m3 >= greatest(previous_m3, billed_m3) then trunc(current_m3, decimals) - billed_m3
        when previous_m3 >= rollover_share * 10 ^ dials and current_m3 <= (1 - rollover_share) * 10 ^ dials
             and trunc(current_m3, decimals) + 10 ^ dials - billed_m3 <= max_m3_day * days
            then trunc(current_m3, decimals) + 10 ^ dials - billed_m3
        when settles then trunc(current_m3, decimals) - billed_m3
        when greatest(previous_m3, billed_m3) - current_m3 <= jitter_m3 then 0
        end
$$;

-- A volume by even use: what is reached by the end of some days less what was before them.
create function share_m3(volume_m3 numeric, after_days integer, days integer, of_days integer, places integer)
returns numeric language sql immutable as $$
    select round(volume_m3 * (after_days + days) / of_days, places) - round(volume_m3 * after_days / of_days, places)
$$;

-- What a quantity a month makes of some days: each month to three places.
create function months_m3(m3_month numeric, days daterange) returns numeric language sql immutable as $$
    select sum(round(m3_month * (upper(part) - lower(part)) / (upper(month) - lower(month)), 3))
    from generate_series(date_trunc('month', lower(days)::timestamp), upper(days) - interval '1 day',
                         interval '1 month') as first
    cross join lateral (select daterange(first::date, (first + interval '1 month')::date) as month) m
    cross join lateral (select month * days as part) p
$$;

-- ── every dated fact in one place: those of quantities too ──────────────────────────────────────────────────────
do $$
begin
    execute 'create or replace view registry_fact as ' || rtrim(pg_get_viewdef('registry_fact'::regclass), ';') || '
        union all
        select ''quantity'', c.contract_no || '' '' || q.service, c.account_id, null, null,
               jsonb_build_object(''basis'', q.basis, ''norm'', q.norm, ''persons'', q.persons, ''m3_month'', q.m3_month),
               coalesce(q.told_from, lower(q.valid)), coalesce(q.told_from, upper(q.valid)),
               q.recorded_by, q.recorded_at, q.file_id, q.line_no, q.change_id, q.ended_by, q.ended_at,
               q.ended_change_id
        from contract_quantity q join contract c using (contract_id)';
end $$;
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
-- What a building's meter counted beyond its flats', where the flats pay it.

-- difference: who pays it, where the contract of the building says other than the utility (``[models] difference``).
alter table contract_terms add column difference text check (difference in ('owner', 'flats'));

-- Settled at a freeze; it counts once that cycle is issued, whatever became of the single accounts: who was held bills
-- his share later.
create table difference_settled (
    cycle_id   bigint not null references cycle,
    point_id   bigint not null references point,
    period     daterange not null,
    primary key (cycle_id, point_id)
);
-- The readings up to which it was reckoned, with the indexes.
create table difference_index (
    cycle_id    bigint not null,
    point_id    bigint not null,
    reading_id  bigint not null references reading,
    index_m3    numeric(12, 3) not null,
    primary key (cycle_id, point_id, reading_id),
    foreign key (cycle_id, point_id) references difference_settled
);
create index difference_index_by_reading on difference_index (reading_id);
-- A contract's share: what was used before it in the order of points, by itself and by all.
create table difference_share (
    share_id     bigint generated always as identity primary key,
    cycle_id     bigint not null,
    point_id     bigint not null,
    contract_id  bigint not null references contract,
    service      text not null check (service in ('water', 'sewage')),
    period       daterange not null,
    of_m3        numeric(12, 3) not null check (of_m3 >= 0),
    before_m3    numeric(14, 3) not null check (before_m3 >= 0),
    own_m3       numeric(14, 3) not null check (own_m3 >= 0),
    all_m3       numeric(14, 3) not null check (all_m3 >= before_m3 + own_m3),
    volume_m3    numeric(12, 3) not null check (volume_m3 >= 0),
    unique (cycle_id, point_id, contract_id, service),
    foreign key (cycle_id, point_id) references difference_settled
);
create index difference_share_by_contract on difference_share (contract_id);
alter table charge_line
    add column difference_share_id bigint references difference_share,
    drop constraint charge_line_origin_check,
    add constraint charge_line_origin_check check (origin in (
        'norm', 'contract', 'area', 'order', 'difference', 'forecast', 'settled_forecast')),
    add constraint a_share_of_a_difference check ((origin is not distinct from 'difference')
                                                  = (difference_share_id is not null));
create index charge_line_by_difference_share on charge_line (difference_share_id) where difference_share_id is not null;
create table drafted_share (
    cycle_id    bigint not null,
    account_id  bigint not null,
    share_id    bigint not null references difference_share,
    primary key (cycle_id, account_id, share_id),
    foreign key (cycle_id, account_id) references hold
);
do $$
declare
    name text;
begin
    foreach name in array array['difference_settled', 'difference_index', 'difference_share', 'drafted_share'] loop
        execute format('create trigger append_only before update or delete on %I
                        for each row execute function refuse_change()', name);
        execute format('create trigger append_only_truncate before truncate on %I
                        for each statement execute function refuse_change()', name);
    end loop;
end $$;
grant select on difference_settled, difference_index, difference_share, drafted_share to obieg_app, obieg_auditor;
grant insert on difference_settled, difference_index, difference_share, drafted_share to obieg_app;

-- What an issued cycle has settled; of a reversed one only what somebody was billed by elsewhere, or drafted.
create view difference_in_force as
    select d.cycle_id, d.point_id, d.period
    from difference_settled d
    join cycle y using (cycle_id)
    where y.state in ('issued', 'closed') and not y.dry_run
      and (y.reversed_by is null
           or exists (select 1 from difference_share s
                      where s.cycle_id = d.cycle_id and s.point_id = d.point_id
                        and (s.share_id in (select b.share_id from drafted_share b)
                             or exists (select 1 from charge_line l join charge_in_force using (charge_id)
                                        where l.difference_share_id = s.share_id))));
grant select on difference_in_force to obieg_app, obieg_auditor;

-- The readings up to which a difference was reckoned are billed for the building.
do $$
begin
    execute 'create or replace view reading_billed as ' || rtrim(pg_get_viewdef('reading_billed'::regclass), ';') || '
        union all
        select d.point_id, d.reading_id, d.index_m3
        from difference_index d
        join difference_in_force using (cycle_id, point_id)';
end $$;

-- What the flats pay is settled for the building: its days count as billed.
do $$
begin
    execute 'create or replace view billed_day as ' || rtrim(pg_get_viewdef('billed_day'::regclass), ';') || '
        union all
        select c.account_id, d.point_id, service, d.period * c.valid
        from difference_in_force d
        join contract c on c.point_id = d.point_id and c.valid && d.period
        cross join unnest(array[''water'', ''sewage'']) as service';
end $$;

-- Shares that nobody has billed, of cycles that were issued.
create view difference_open as
    select s.*
    from difference_share s
    join difference_in_force using (cycle_id, point_id)
    where s.volume_m3 > 0
      and not exists (select 1 from charge_line l join charge_in_force using (charge_id)
                      where l.difference_share_id = s.share_id)
      and not exists (select 1 from drafted_share d where d.share_id = s.share_id);
grant select on difference_open to obieg_app, obieg_auditor;

-- What the meter of the building said is billed with the shares: to the flats, from the freeze of their cycle on.
do $$
begin
    execute replace(
        pg_get_functiondef('reading_billed_by'::regproc),
        'when exists (select 1 from public.drafted_reading',
        'when exists (select 1
                      from public.difference_index d
                      join public.cycle y using (cycle_id)
                      join public.reading r using (reading_id)
                      join public.installation i on i.installation_id = r.installation_id and i.point_id = d.point_id
                      where d.reading_id = asked and not y.dry_run
                        and (y.state in (''frozen'', ''checked'', ''approved'')
                             or exists (select 1 from public.difference_in_force f
                                        where f.cycle_id = d.cycle_id and f.point_id = d.point_id)))
            then ''difference''
        when exists (select 1 from public.drafted_reading');
end $$;
-- A reading file is written a part at a time, its rows before the totals that the file is recorded with: the rows name a
-- file that stands when the transaction ends.
alter table import_row alter constraint import_row_file_id_fkey deferrable initially deferred;
grant usage on sequence import_file_file_id_seq to obieg_app;
-- Packs: one object of the archive holds the documents of a chunk, and each document is a range of its bytes. A document
-- of before has no pack and is an object of its own.

-- made by: what the bytes depend on beside the invoice; a document can be rendered again only with the same.
create table pack (
    pack_id           bigint generated always as identity primary key,
    cycle_id          bigint references cycle,
    archive_key       text not null unique,
    sha256            text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    size_bytes        bigint not null check (size_bytes > 0),
    documents         integer not null check (documents > 0),
    template_version  text not null,
    fonts_sha256      text not null,
    zlib_version      text not null,
    lock_sha256       text not null,
    event_at          timestamptz not null,
    recorded_at       timestamptz not null default clock_timestamp(),
    unique (pack_id, archive_key)
);
create index pack_of_cycle on pack (cycle_id);

alter table document
    drop constraint document_archive_key_key,
    add column pack_id bigint,
    add column offset_bytes bigint check (offset_bytes >= 0),
    add constraint in_a_pack_or_alone check ((pack_id is null) = (offset_bytes is null)),
    add constraint document_lies_in_its_pack foreign key (pack_id, archive_key) references pack (pack_id, archive_key);
create unique index document_place on document (archive_key, offset_bytes) nulls not distinct;
create index document_of_pack on document (pack_id);

create trigger append_only before update or delete on pack for each row execute function refuse_change();
create trigger append_only_truncate before truncate on pack for each statement execute function refuse_change();
grant select on pack to obieg_app, obieg_auditor;
grant insert on pack to obieg_app;
-- An invoice compares its use with earlier ones of the account, and a chunk of corrections is rated account by account:
-- both are found by account, not among all of the town or run.
create index invoice_by_account on invoice (account_id);
create index correction_snapshot_by_account on correction_snapshot (cycle_id, account_id);
