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
