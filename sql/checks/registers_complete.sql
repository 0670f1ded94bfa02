-- Every frozen register that was read on a later day, its own or one of a point behind, is billed by the lines of each
-- service that it has a part in: one register alone for just the days of the contract between its readings, each once;
-- among parts, from its first reading to its last. So neither a service nor the old meter of an exchange is left out.
with place as materialized (
    select c.charge_id, c.account_id, supplied ->> 'point_no' as point_no, supplied -> 'services' as services,
           coalesce(supplied -> 'unmetered', '[]') as unmetered, supplied -> 'registers' as own,
           (supplied ->> 'contract_from')::date as contract_from,
           coalesce((supplied ->> 'contract_until')::date, 'infinity') as contract_until,
           coalesce(supplied -> 'behind', '[]') as behind
    from charge c
    join charge_terms s using (charge_id)
    cross join lateral jsonb_array_elements(s.content::jsonb -> 'points') as supplied
    where c.cycle_id = :cycle_id
      -- what a building counted beyond its flats is shared out to them: see differences_shared
      and not coalesce(supplied ->> 'difference' = 'flats' and jsonb_array_length(supplied -> 'behind') > 0, false)
      -- between two settlements a point is charged by prognozy, whatever was read
      and not exists (select 1 from charge_line l join point p using (point_id)
                      where l.charge_id = c.charge_id and l.origin = 'forecast' and p.point_no = supplied ->> 'point_no')
), measured as (
    select charge_id, account_id, point_no, services, unmetered, own, contract_from, contract_until, one,
           false as is_behind
    from place cross join lateral jsonb_array_elements(own) as one
    union all
    select charge_id, account_id, point_no, other -> 'services', unmetered, own, contract_from, contract_until, one,
           true
    from place
    cross join lateral jsonb_array_elements(behind) as other
    cross join lateral jsonb_array_elements(other -> 'registers') as one
), wanted as (
    select m.charge_id, m.account_id, m.point_no, supplied.service, m.is_behind,
           m.one ->> 'meter_no' as meter_no,
           (m.one #>> '{previous,reading_id}')::bigint as previous_id,
           (m.one #>> '{current,reading_id}')::bigint as current_id,
           case when (m.one #>> '{previous,read_on}')::date < m.contract_from - 1 then m.contract_from
                else (m.one #>> '{previous,read_on}')::date end as begins_on,
           least((m.one #>> '{current,read_on}')::date, m.contract_until) as ends_on
    from measured m
    cross join lateral jsonb_array_elements_text(m.services) as supplied (service)
    cross join lateral (
        select coalesce(m.one ->> 'purpose', 'main') as purpose,
               coalesce(m.one ->> (supplied.service || '_percent'), '100')::numeric as percent,
               coalesce((select max(coalesce(main ->> (supplied.service || '_percent'), '100')::numeric)
                         from jsonb_array_elements(m.own) as main
                         where coalesce(main ->> 'purpose', 'main') = 'main'), 100) as main_percent,
               exists (select 1 from jsonb_array_elements(m.own) as device
                       where device ->> 'purpose' = 'sewage') as has_device) shares
    where supplied.service in ('water', 'sewage')
      and m.one #>> '{current,read_on}' > m.one #>> '{previous,read_on}'
      and case when supplied.service = 'sewage' and shares.has_device then shares.purpose = 'sewage' and not m.is_behind
               when m.is_behind then shares.main_percent <> 0
               when shares.purpose = 'sewage' then false
               when shares.purpose in ('garden', 'sub') then shares.percent <> shares.main_percent
               else shares.percent <> 0 end
      and not exists (select 1 from jsonb_array_elements(m.unmetered) as named
                      where named ->> 'service' = supplied.service and named ->> 'valid_until' is null
                        and (named ->> 'valid_from')::date <= (m.one #>> '{previous,read_on}')::date + 1)
), billed as materialized (
    select l.charge_id, p.point_no, l.service, l.line_no, l.previous_reading_id, l.current_reading_id, l.period
    from charge_line l
    join charge c using (charge_id)
    join point p using (point_id)
    where c.cycle_id = :cycle_id and l.service in ('water', 'sewage') and l.row_no = 1 and l.origin is null
), alone as materialized (
    select b.charge_id, b.point_no, b.service, r.installation_id, count(*) as lines, range_agg(b.period) as days,
           sum(upper(b.period) - lower(b.period)) as days_charged, array_agg(b.previous_reading_id) as previous_ids,
           array_agg(b.current_reading_id) as current_ids
    from billed b
    join reading r on r.reading_id = b.previous_reading_id
    group by b.charge_id, b.point_no, b.service, r.installation_id
), parts as materialized (
    select b.charge_id, b.point_no, b.service, r.installation_id, array_agg(p.previous_reading_id) as previous_ids,
           array_agg(p.current_reading_id) as current_ids
    from billed b
    join charge_line_part p using (charge_id, line_no)
    join reading r on r.reading_id = p.previous_reading_id
    group by b.charge_id, b.point_no, b.service, r.installation_id
), asked as materialized (  -- contracts that follow each other at a point, of one account, stand on one charge
    select w.charge_id, w.account_id, w.point_no, w.service, w.is_behind, r.installation_id,
           array_agg(w.previous_id) as previous_ids, array_agg(w.current_id) as current_ids,
           range_agg(daterange(w.begins_on, w.ends_on)) as days, sum(w.ends_on - w.begins_on) as days_wanted
    from wanted w
    join reading r on r.reading_id = w.previous_id
    group by w.charge_id, w.account_id, w.point_no, w.service, w.is_behind, r.installation_id
)
select a.account_no, w.service || ' at point ' || w.point_no || ' from readings ' || w.previous_ids::text || ' to '
       || w.current_ids::text || ': ' || coalesce(l.days::text, 'no days') || ' in ' || coalesce(l.lines, 0) || ' lines'
       as problem
from asked w
join account a using (account_id)
left join alone l using (charge_id, point_no, service, installation_id)
left join parts p using (charge_id, point_no, service, installation_id)
where not case
    when l.lines is not null
        then p.previous_ids is null and not w.is_behind
             and w.previous_ids <@ l.previous_ids and w.current_ids <@ l.current_ids
             and l.days = w.days and l.days_charged = w.days_wanted
    else coalesce(w.previous_ids <@ p.previous_ids and w.current_ids <@ p.current_ids, false)
    end
