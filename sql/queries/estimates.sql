-- name: registers
-- Registers that are to be estimated on a day, with their last usable reading before it, when somebody last read them,
-- how many estimates there are since, whether a later reading counts, the newest visit without a reading, and the class
-- and account under contract that day; what the register measures. A reading that the estimate is to stand for does not count here.
with wanted as (
    select * from unnest(cast(:installation_ids as bigint[]), cast(:days as date[]), cast(:reading_ids as bigint[]))
                      with ordinality as w(installation_id, on_day, reading_id, place)
)
select w.place, i.installation_id, i.meter_id, i.point_id, m.meter_no, i.register, p.point_no, i.dials, i.decimals,
       i.removed_on, i.purpose, w.on_day, previous.reading_id as previous_id, previous.read_on as previous_on,
       previous.read_at as previous_at, previous.index_m3 as previous_m3, actual.read_on as actual_on,
       (select count(*) from reading_now e
        where e.installation_id = i.installation_id and e.is_usable and e.quality = 'estimated'
          and e.read_at > coalesce(actual.read_at, '-infinity') and e.read_at <= previous.read_at
          and e.reading_id is distinct from w.reading_id) as in_row,
       exists (select 1 from reading_now l
               where l.installation_id = i.installation_id and l.is_usable and l.read_on >= w.on_day
                 and l.reading_id is distinct from w.reading_id) as has_later,
       (select count(*) from reading e
        where e.installation_id = i.installation_id and e.source = 'estimate' and e.read_on = w.on_day) as on_the_day,
       visit.reading_id as visit_id, k.account_id, k.account_no, k.tariff_class
from wanted w
join installation i using (installation_id)
join meter m using (meter_id)
join point p using (point_id)
left join lateral (
    select r.reading_id, r.read_on, r.read_at, r.index_m3
    from reading_now r
    where r.installation_id = i.installation_id and r.is_usable and r.read_on < w.on_day
      and r.reading_id is distinct from w.reading_id
    order by r.read_on desc, r.read_at desc, r.reading_id desc limit 1
) previous on true
left join lateral (
    select r.read_on, r.read_at
    from reading_now r
    where r.installation_id = i.installation_id and r.is_usable and r.quality <> 'estimated' and r.read_on < w.on_day
      and r.reading_id is distinct from w.reading_id
    order by r.read_on desc, r.read_at desc limit 1
) actual on true
left join lateral (
    select r.reading_id
    from reading_now r
    where r.installation_id = i.installation_id and r.quality = 'not_read' and r.state = 'VALID'
      and r.read_at > previous.read_at
    order by r.read_at desc, r.reading_id desc limit 1
) visit on true
left join lateral (
    select c.account_id, a.account_no, t.tariff_class
    from contract c
    join account a using (account_id)
    join contract_terms t on t.contract_id = c.contract_id and t.valid @> w.on_day
    where c.point_id = i.point_id and c.valid @> w.on_day
    order by c.contract_id desc limit 1
) k on true
order by w.place

-- name: history
-- Use between readings that somebody took, of a register and of those that counted the same before it, in the last years;
-- before them, what the old system billed. Where it handed over, its intervals reach up to the opening position.
with wanted as (
    select w.asked, i.installation_id, m.meter_no, o.last_billed_on
    from unnest(cast(:installation_ids as bigint[])) as w (asked)
    join installation now on now.installation_id = w.asked
    join installation i on i.point_id = now.point_id and i.register = now.register and i.purpose = now.purpose
    join meter m on m.meter_id = i.meter_id
    left join opening_position o on o.installation_id = i.installation_id and o.replaced_at is null
), seen as (
    select distinct on (w.asked, w.installation_id, r.read_on)
           w.asked, w.installation_id, w.meter_no, r.reading_id, r.read_on, r.index_m3
    from wanted w
    join reading_now r on r.installation_id = w.installation_id
    where r.is_usable and r.quality <> 'estimated' and r.read_on >= cast(:since as date)
      and r.read_on >= coalesce(w.last_billed_on, '-infinity')
    order by w.asked, w.installation_id, r.read_on, r.read_at desc, r.reading_id desc
), intervals as (
    select asked, meter_no, lag(reading_id) over own as from_id, reading_id, lag(read_on) over own as from_day, read_on,
           index_m3 - lag(index_m3) over own as volume_m3
    from seen
    window own as (partition by asked, installation_id order by read_on)
)
select asked, from_day, read_on as until_day, volume_m3,
       'readings ' || from_id || ' and ' || reading_id || ' of meter ' || meter_no as source
from intervals
where from_day < read_on and volume_m3 >= 0
union all
select w.asked, lower(h.period), upper(h.period), h.volume_m3, 'old invoice ' || h.old_invoice_no
from wanted w
join consumption_history h using (installation_id)
where h.replaced_at is null and h.quality <> 'estimated' and h.volume_m3 >= 0 and lower(h.period) >= cast(:since as date)
order by 1, 2

-- name: class_use
-- What the points of each tariff class used together in the periods billed of a year, where somebody had read them; by
-- their main meters: what garden and other meters counted stands in those already, or is no water from the mains.
select t.tariff_class, count(distinct u.point_id) as points, sum(upper(u.period) - lower(u.period)) as days,
       sum(u.volume_m3) as volume_m3
from point_consumption u
join contract c on c.point_id = u.point_id and c.valid @> lower(u.period)
join contract_terms t on t.contract_id = c.contract_id and t.valid @> lower(u.period)
where u.quality <> 'estimated' and u.period && daterange(cast(:since as date), cast(:until as date))
  and not exists (select 1 from meter m join installation i using (meter_id)
                  where m.meter_no = u.meter_no and i.register = u.register and i.point_id = u.point_id
                    and i.purpose <> 'main')
group by t.tariff_class
having sum(upper(u.period) - lower(u.period)) > 0 and sum(u.volume_m3) >= 0

-- name: insert_estimates
insert into estimate (reading_id, since_reading_id, why, method, formula_version, volume_m3, inputs, note, estimated_by,
                      estimated_via, event_at)
select r.reading_id, g.since_reading_id, g.why, g.method, g.formula_version, g.volume_m3, cast(g.inputs as jsonb), :note,
       :estimated_by, :estimated_via, business_now()
from unnest(cast(:installation_ids as bigint[]), cast(:read_ats as timestamptz[]),
            cast(:since_reading_ids as bigint[]), cast(:whys as text[]), cast(:methods as text[]),
            cast(:versions as integer[]), cast(:volumes_m3 as numeric[]), cast(:inputs as text[]))
     as g (installation_id, read_at, since_reading_id, why, method, formula_version, volume_m3, inputs)
join reading r on r.installation_id = g.installation_id and r.read_at = g.read_at and r.source = 'estimate'
returning reading_id

-- name: estimates_at
select r.installation_id, r.reading_id
from unnest(cast(:installation_ids as bigint[]), cast(:read_ats as timestamptz[])) as g (installation_id, read_at)
join reading r on r.installation_id = g.installation_id and r.read_at = g.read_at and r.source = 'estimate'

-- name: place_of_meter
-- Where a meter's register was on a day.
select i.installation_id
from installation i
join meter m using (meter_id)
where m.meter_no = :meter_no and i.register = :register and i.installed_on <= :on_day
  and (i.removed_on is null or i.removed_on >= :on_day)
order by i.installed_on desc limit 1

-- name: installations_of
select reading_id, installation_id from reading where reading_id = any(:reading_ids)

-- name: visits
-- Registers under contract today that must not be estimated once more: too many estimates in a row, or too long unread.
select p.point_no, m.meter_no, i.register, p.street, p.postcode, p.city, d.route, a.account_no, actual.read_on,
       since.estimates, failed.reason_code as last_reason
from contract c
join account a using (account_id)
join account_details d on d.account_id = c.account_id and d.valid @> cast(:today as date)
join point p using (point_id)
join installation i on i.point_id = c.point_id and i.installed_on <= :today and coalesce(i.removed_on, 'infinity') > :today
join meter m using (meter_id)
left join lateral (
    select r.read_on, r.read_at from reading_now r
    where r.installation_id = i.installation_id and r.is_usable and r.quality <> 'estimated'
    order by r.read_on desc, r.read_at desc limit 1
) actual on true
cross join lateral (
    select count(*) as estimates from reading_now r
    where r.installation_id = i.installation_id and r.is_usable and r.quality = 'estimated'
      and r.read_at > coalesce(actual.read_at, '-infinity')
) since
left join lateral (
    select r.reason_code from reading_now r
    where r.installation_id = i.installation_id and r.quality = 'not_read' and r.state <> 'VOID'
      and r.read_at > coalesce(actual.read_at, '-infinity')
    order by r.read_at desc, r.reading_id desc limit 1
) failed on true
where c.valid @> cast(:today as date)
  and (cast(:route as text) is null or d.route = :route)
  and (since.estimates >= :periods_max or actual.read_on < cast(:unread_since as date))
order by actual.read_on nulls first, p.point_no, m.meter_no, i.register
