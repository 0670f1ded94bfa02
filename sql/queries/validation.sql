-- name: registers_without_reading
-- V14: registers in place of points under contract in the cycle that have neither a usable nor a suspect reading in its
-- window. One finding a window.
insert into finding (installation_id, on_day, code, severity, owner, facts)
select i.installation_id, :window_start, :code, :severity, :owner,
       jsonb_strip_nulls(jsonb_build_object(
           'reason', 'window', 'window_until', cast(:window_until as date)::text, 'last_read_on', last.read_on::text,
           'not_read', missed.reason_code))
from contract c
join account_details a on a.account_id = c.account_id and a.valid @> cast(:issue_date as date)
join installation i on i.point_id = c.point_id and i.removed_on is null and i.installed_on < :window_start
left join lateral (
    select r.read_on from reading_now r
    where r.installation_id = i.installation_id and r.is_usable and r.read_on < :window_until
    order by r.read_on desc limit 1
) last on true
left join lateral (
    select r.reason_code from reading r
    where r.installation_id = i.installation_id and r.quality = 'not_read'
      and r.read_on >= :window_start and r.read_on < :window_until
    order by r.read_on desc, r.read_at desc limit 1
) missed on true
where (:all_routes or a.route = any(:routes)) and c.valid && daterange(:period_start, :period_until)
  and (upper(c.valid) is null or upper(c.valid) >= :window_until)
  and (last.read_on is null or last.read_on < :window_start)
  and not exists (select 1 from reading_now r
                  where r.installation_id = i.installation_id and r.state = 'SUSPECT'
                    and r.read_on >= :window_start and r.read_on < :window_until)
on conflict do nothing

-- name: trees
-- V15: what the main meter of each tree of the cycle counted up to its reading in the window, and what the meters behind
-- it counted on about the same days; only trees whose every meter can be compared.
with under_contract as (
    select distinct c.point_id
    from contract c
    join account_details a on a.account_id = c.account_id and a.valid @> cast(:issue_date as date)
    where (:all_routes or a.route = any(:routes)) and c.valid && daterange(:period_start, :period_until)
), link as (
    select p.parent_point_id as point_id, i.installation_id
    from point p join installation i on i.point_id = p.point_id and i.purpose = 'main' and i.removed_on is null
    where p.parent_point_id is not null
      and (p.point_id in (select point_id from under_contract)
           or p.parent_point_id in (select point_id from under_contract))
    union all
    select i.point_id, i.installation_id
    from installation i
    where i.purpose <> 'main' and i.removed_on is null and i.point_id in (select point_id from under_contract)
), main as (
    select i.installation_id, i.point_id, m.meter_no, now.reading_id, now.read_on as now_on, before.read_on as before_on,
           now.index_m3 - before.index_m3 as used_m3
    from installation i
    join meter m using (meter_id)
    cross join lateral (
        select r.reading_id, r.read_on, r.index_m3 from reading_now r
        where r.installation_id = i.installation_id and r.is_usable
          and r.read_on >= :window_start and r.read_on < :window_until
        order by r.read_on desc, r.read_at desc, r.reading_id desc limit 1
    ) now
    cross join lateral (
        select r.read_on, r.index_m3 from reading_now r
        where r.installation_id = i.installation_id and r.is_usable and r.read_on < :window_start
        order by r.read_on desc, r.read_at desc, r.reading_id desc limit 1
    ) before
    where i.purpose = 'main' and i.removed_on is null and now.index_m3 >= before.index_m3
      and i.point_id in (select point_id from link)
), behind as (
    select main.installation_id, now.reading_id, now.index_m3 - before.index_m3 as used_m3
    from main
    join link on link.point_id = main.point_id
    left join lateral (
        select r.reading_id, r.index_m3 from reading_now r
        where r.installation_id = link.installation_id and r.is_usable
          and r.read_on >= :window_start and r.read_on < :window_until
          and abs(r.read_on - main.now_on) <= :days_apart
        order by abs(r.read_on - main.now_on), r.read_at desc, r.reading_id desc limit 1
    ) now on true
    left join lateral (
        select r.index_m3 from reading_now r
        where r.installation_id = link.installation_id and r.is_usable
          and abs(r.read_on - main.before_on) <= :days_apart and r.read_on < :window_start
        order by abs(r.read_on - main.before_on), r.read_at desc, r.reading_id desc limit 1
    ) before on true
)
select main.meter_no, main.used_m3, sum(behind.used_m3) as behind_m3, main.before_on, main.now_on,
       count(*) as meters, array_agg(behind.reading_id) || main.reading_id as reading_ids
from main
join behind using (installation_id)
group by main.installation_id, main.meter_no, main.used_m3, main.before_on, main.now_on, main.reading_id
having bool_and(behind.used_m3 is not null) and sum(greatest(behind.used_m3, 0)) > main.used_m3 + :tolerance_m3
order by main.meter_no

-- name: undoubted
-- Those of the readings about which nobody has decided anything, and which are not billed.
select r.reading_id
from reading r
where r.reading_id = any(cast(:reading_ids as bigint[])) and r.state = 'VALID'
  and not exists (select 1 from reading_decision d where d.reading_id = r.reading_id)
  and reading_billed_by(r.reading_id) is null
order by r.reading_id

-- name: doubt
update reading set state = 'SUSPECT' where reading_id = any(cast(:reading_ids as bigint[])) and state = 'VALID'

-- name: insert_reading_findings
insert into finding (reading_id, code, severity, owner, facts)
select reading_id, :code, :severity, :owner, cast(:facts as jsonb)
from unnest(cast(:reading_ids as bigint[])) as r(reading_id)
on conflict do nothing

-- name: lapsing
-- V16: garden and sub-meters of the cycle whose legalisation has lapsed by the window's end or will within the notice.
insert into finding (installation_id, on_day, code, severity, owner, facts)
select distinct i.installation_id, i.legalised_until, :code, :severity, :owner,
       jsonb_build_object('purpose', i.purpose, 'legalised_until', i.legalised_until::text,
                          'lapsed', case when i.legalised_until < :window_until then 'yes' else 'soon' end)
from contract c
join account_details a on a.account_id = c.account_id and a.valid @> cast(:issue_date as date)
join installation i on i.point_id = c.point_id and i.purpose <> 'main' and i.removed_on is null
where (:all_routes or a.route = any(:routes)) and c.valid && daterange(:period_start, :period_until)
  and i.legalised_until < cast(:window_until as date) + :notice_days
on conflict do nothing

-- name: confirmed
-- Readings of these sources in the window that a person has confirmed or edited.
select r.reading_id
from reading_now r
where r.source = any(:sources) and r.state in ('CONFIRMED', 'EDITED')
  and r.read_on >= :window_start and r.read_on < :window_until
  and exists (select 1 from reading_decision d where d.reading_id = r.reading_id)

-- name: estimates
-- How many readings close the charges of a cycle, and how many of them are estimates (V24).
select count(*) as readings, count(*) filter (where r.quality = 'estimated') as estimated
from (
    select l.current_reading_id from charge_line l join charge c using (charge_id)
    where c.cycle_id = :cycle_id and l.current_reading_id is not null
    union
    select p.current_reading_id from charge_line_part p join charge c using (charge_id) where c.cycle_id = :cycle_id
) billed
join reading r on r.reading_id = billed.current_reading_id
