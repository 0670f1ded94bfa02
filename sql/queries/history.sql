-- name: points
-- The newest usable readings of registers before a day, each at least so many days before the next: the ends of their
-- intervals, oldest first. Positions of the old system that were corrected before the cut-over are none; where it handed
-- over its intervals, they reach up to the opening position, and nothing before that is a point. One row a
-- register, its points written one after the other: days as numbers from the first of January of the year 1, estimates
-- as e: half a million rows of points would cost more than the checks. What came after the newest reading is of the file
-- itself.
with recursive wanted as (
    select w.installation_id, w.before, coalesce(o.last_billed_on, '-infinity') as since
    from unnest(cast(:installation_ids as bigint[]), cast(:days as date[])) as w(installation_id, before)
    left join opening_position o on o.installation_id = w.installation_id and o.replaced_at is null
                                and exists (select 1 from consumption_history h
                                            where h.installation_id = w.installation_id and h.replaced_at is null)
), point as (
    select w.installation_id, w.since, p.read_on, p.index_m3, p.quality, 1 as depth
    from wanted w
    cross join lateral (
        select r.read_on, r.index_m3, r.quality
        from reading_now r
        where r.installation_id = w.installation_id and r.read_on < w.before and r.read_on >= w.since and r.is_usable
          and r.reading_id <= :newest
          and (r.source <> 'cutover'
               or exists (select 1 from opening_position o where o.reading_id = r.reading_id and o.replaced_at is null))
        order by r.read_on desc, r.read_at desc, r.reading_id desc
        limit 1
    ) p
    union all
    select e.installation_id, e.since, p.read_on, p.index_m3, p.quality, e.depth + 1
    from point e
    cross join lateral (
        select r.read_on, r.index_m3, r.quality
        from reading_now r
        where r.installation_id = e.installation_id and r.read_on <= e.read_on - :days_min and r.read_on >= e.since
          and r.is_usable and r.reading_id <= :newest
          and (r.source <> 'cutover'
               or exists (select 1 from opening_position o where o.reading_id = r.reading_id and o.replaced_at is null))
        order by r.read_on desc, r.read_at desc, r.reading_id desc
        limit 1
    ) p
    where e.depth < :most
)
select installation_id, string_agg((read_on - date '0001-01-01' + 1)::text, ' ' order by read_on) as ordinals,
       string_agg(index_m3::text, ' ' order by read_on) as indexes_m3,
       string_agg(case quality when 'estimated' then 'e' else '-' end, '' order by read_on) as qualities
from point
group by installation_id

-- name: predecessors
-- The registers that did the same work at the point before.
select own.installation_id, i.installation_id as earlier_id, i.removed_on, i.dials
from installation own
join installation i on i.point_id = own.point_id and i.register = own.register and i.purpose = own.purpose
                   and i.installation_id <> own.installation_id and i.removed_on <= own.installed_on
where own.installation_id = any(cast(:installation_ids as bigint[])) and i.removed_on is not null

-- name: old_uses
-- What the old system billed.
select installation_id, upper(period) as until, upper(period) - lower(period) as days, volume_m3, quality = 'estimated' as estimated
from consumption_history
where installation_id = any(cast(:installation_ids as bigint[])) and replaced_at is null
order by installation_id, lower(period)

-- name: group_use
-- The median m³ a day of a tariff class in the last finished intervals of a year, over a fixed sample of its main meters.
with member as (
    select t.tariff_class, c.point_id,
           row_number() over (partition by t.tariff_class order by hashint8(c.contract_id), c.contract_id) as place
    from contract c
    join contract_terms t on t.contract_id = c.contract_id and t.valid @> cast(:on_day as date)
    where c.valid @> cast(:on_day as date)
), used as (
    select m.tariff_class, (latest.index_m3 - earlier.index_m3) / (latest.read_on - earlier.read_on) as m3_day
    from member m
    join installation i on i.point_id = m.point_id and i.purpose = 'main' and i.removed_on is null
    cross join lateral (
        select r.read_on, r.index_m3
        from reading_now r
        where r.installation_id = i.installation_id and r.is_usable and r.quality <> 'estimated'
          and r.reading_id <= :newest
          and r.read_on between cast(:on_day as date) - 366 and cast(:on_day as date)
        order by r.read_on desc, r.read_at desc, r.reading_id desc
        limit 1
    ) latest
    cross join lateral (
        select r.read_on, r.index_m3
        from reading_now r
        where r.installation_id = i.installation_id and r.is_usable and r.read_on <= latest.read_on - :days_min
          and r.reading_id <= :newest
        order by r.read_on desc, r.read_at desc, r.reading_id desc
        limit 1
    ) earlier
    where m.place <= :sample and latest.index_m3 >= earlier.index_m3
)
select tariff_class, percentile_disc(0.5) within group (order by m3_day) as m3_day, count(*) as meters
from used
group by tariff_class
having count(*) >= :meters_min

-- name: classes
-- The tariff class of main registers on a day.
select i.installation_id, t.tariff_class
from installation i
join contract c on c.point_id = i.point_id and c.valid @> cast(:on_day as date)
join contract_terms t on t.contract_id = c.contract_id and t.valid @> cast(:on_day as date)
where i.installation_id = any(cast(:installation_ids as bigint[])) and i.purpose = 'main'

-- name: series
-- The usable indexes of registers in the days before a moment.
select r.installation_id, r.read_at, r.index_m3
from unnest(cast(:installation_ids as bigint[]), cast(:since as timestamptz[])) as w(installation_id, since)
join reading_now r on r.installation_id = w.installation_id and r.read_at < w.since
                  and r.read_at >= w.since - make_interval(days => :days) and r.is_usable
order by r.installation_id, r.read_at
