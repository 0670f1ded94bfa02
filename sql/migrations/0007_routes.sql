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
