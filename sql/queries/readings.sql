-- name: places
-- Every register that the named meters or points ever had; of its last billed reading, see registers.
with named as (
    select i.installation_id from installation i join meter m using (meter_id) where m.meter_no = any(:meter_nos)
    union
    select i.installation_id from installation i join point p using (point_id) where p.point_no = any(:point_nos)
)
select i.installation_id, i.meter_id, p.point_no, m.meter_no, m.module_no, i.register, i.dials, i.decimals,
       i.installed_on, i.removed_on, i.q3_m3h, null as last_billed_on
from named
join installation i using (installation_id)
join meter m using (meter_id)
join point p using (point_id)

-- name: registers
-- Registers by their ids, with the day of the last billed reading.
select i.installation_id, i.meter_id, p.point_no, m.meter_no, m.module_no, i.register, i.dials, i.decimals,
       i.installed_on, i.removed_on, i.q3_m3h, billed.read_on as last_billed_on
from installation i
join meter m using (meter_id)
join point p using (point_id)
left join lateral (
    select r.read_on
    from reading r
    where r.installation_id = i.installation_id
      and exists (select 1 from billed_up_to u where u.reading_id = r.reading_id)
    order by r.read_on desc
    limit 1
) billed on true
where i.installation_id = any(cast(:installation_ids as bigint[]))

-- name: known_points
select point_no from point where point_no = any(:point_nos)

-- name: stored_readings
-- The readings of registers from a moment on, and the newest usable one before it that is no estimate, without positions
-- of the old system that were corrected before the cut-over. index_m3 is the index as it came, counts_m3 the one that
-- other readings must agree with: none of a reading that does not count, or that nobody took.
with wanted as (
    select * from unnest(cast(:meter_ids as bigint[]), cast(:registers as smallint[]),
                         cast(:since as timestamptz[]), cast(:installation_ids as bigint[]))
             as w(meter_id, register, since, installation_id)
)
select r.installation_id, r.meter_id, r.register, r.read_at, r.source, r.index_received_m3 as index_m3, r.quality,
       r.reason_code, r.state, r.external_id,
       case when r.is_usable and r.quality <> 'estimated' then r.index_m3 end as counts_m3
from wanted w
join reading_now r on r.meter_id = w.meter_id and r.register = w.register and r.read_at >= w.since
where not exists (select 1 from opening_position o where o.reading_id = r.reading_id and o.replaced_at is not null)
union
select before.installation_id, before.meter_id, before.register, before.read_at, before.source,
       before.index_received_m3, before.quality, before.reason_code, before.state, before.external_id, before.index_m3
from wanted w
join lateral (
    select r.*
    from reading_now r
    where r.meter_id = w.meter_id and r.register = w.register and r.read_at < w.since
      and r.installation_id = w.installation_id and r.is_usable and r.quality <> 'estimated'
      and not exists (select 1 from opening_position o where o.reading_id = r.reading_id and o.replaced_at is not null)
    order by r.read_at desc
    limit 1
) before on true

-- name: exchange_readings
-- Opening and removal readings of installations.
select r.installation_id, r.meter_id, r.register, r.read_at, r.source, r.index_received_m3 as index_m3, r.quality,
       r.reason_code, r.state, r.external_id,
       case when r.is_usable and r.quality <> 'estimated' then r.index_m3 end as counts_m3
from reading_now r
where r.installation_id = any(:installation_ids) and r.source in ('exchange_install', 'exchange_removal')

-- name: readings_by_external_id
select r.installation_id, r.meter_id, r.register, r.read_at, r.source, r.index_received_m3 as index_m3, r.quality,
       r.reason_code, r.state, r.external_id,
       case when r.is_usable and r.quality <> 'estimated' then r.index_m3 end as counts_m3
from reading_now r
where r.external_id = any(:external_ids)

-- name: meters_of_external_ids
select external_id, meter_id from reading where external_id = any(:external_ids)

-- name: newest
select coalesce(max(reading_id), 0) from reading

-- name: insert_findings
insert into finding (reading_id, code, severity, owner, facts)
select r.reading_id, f.code, f.severity, f.owner, cast(f.facts as jsonb)
from unnest(cast(:meter_ids as bigint[]), cast(:registers as smallint[]), cast(:read_ats as timestamptz[]),
            cast(:sources as text[]), cast(:codes as text[]), cast(:severities as text[]), cast(:owners as text[]),
            cast(:facts as text[]))
       as f(meter_id, register, read_at, source, code, severity, owner, facts)
join reading r on r.meter_id = f.meter_id and r.register = f.register and r.read_at = f.read_at
              and r.source = f.source
