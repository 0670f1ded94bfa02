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
