-- name: legalisation
-- Meters in place today whose legalisation ends by a day; the end that the registry does not know is estimated from
-- the installation by the rule of that time, for what is older than every rule by the oldest one.
with place as (
    select i.meter_id, i.point_id, max(i.dials) as dials, min(i.installed_on) as installed_on,
           min(i.legalised_until) as legalised_until
    from installation i
    where i.installed_on <= :today and (i.removed_on is null or i.removed_on > :today)
    group by i.meter_id, i.point_id
)
select ends.valid_until, ends.valid_until - cast(:today as date) as days_left,
       place.legalised_until is null as is_estimated, p.street, p.postcode, p.city, p.point_no, m.meter_no, place.dials,
       place.installed_on, a.account_no
from place
join meter m using (meter_id)
join point p using (point_id)
left join lateral (
    select r.months
    from jsonb_to_recordset(cast(:legalisation_rules as jsonb)) as r (kind text, valid_from date, months integer)
    where r.kind = 'cold_water'
    order by r.valid_from <= place.installed_on desc, abs(r.valid_from - place.installed_on)
    limit 1
) rule on true
cross join lateral (
    select coalesce(place.legalised_until,
                    cast(place.installed_on + make_interval(months => rule.months) as date)) as valid_until
) ends
left join contract c on c.point_id = place.point_id and c.valid @> cast(:today as date)
left join account a using (account_id)
where ends.valid_until <= :until
order by ends.valid_until, p.point_no, m.meter_no

-- name: no_email
-- Accounts under contract today of which no e-mail address is known. Candidates for e-invoices get paper, are buyers
-- outside the KSeF duty with a contract that goes on, and have given no acceptance that waits for its conversion.
select a.account_no, d.channel, under.points, under.since
from account a
join agreed_delivery(cast(:today as date)) d using (account_id)
join lateral (
    select count(*) as points, min(lower(c.valid)) as since, bool_or(upper_inf(c.valid)) as goes_on
    from contract c
    where c.account_id = a.account_id and c.valid @> cast(:today as date)
    having count(*) > 0
) under on true
where d.email is null
  and (not :paperless_candidates
       or (d.channel = 'paper' and under.goes_on
           and exists (select 1 from account_party ap
                       join party_details b on b.party_id = ap.party_id and b.valid @> cast(:today as date)
                       where ap.account_id = a.account_id and ap.role = 'nabywca' and ap.valid @> cast(:today as date)
                         and b.kind = 'natural_person' and b.nip is null)
           and not exists (select 1 from consent_event e left join consent_conversion v using (consent_id)
                           where e.account_id = a.account_id and e.event = 'accept' and v.consent_id is null)))
order by a.account_no

-- name: unconfirmed
-- Accounts under contract today whose e-mail address nobody has confirmed, or is dead: their invoices go on paper.
select a.account_no, d.email, d.email_state as state, lower(e.valid) as since, d.channel as agreed
from account a
join agreed_delivery(cast(:today as date)) d using (account_id)
join email_address e on e.account_id = a.account_id and e.valid @> cast(:today as date)
where d.email is not null and d.email_state <> 'confirmed'
  and exists (select 1 from contract c where c.account_id = a.account_id and c.valid @> cast(:today as date))
order by a.account_no

-- name: no_reading
-- Registers under contracts in force for the whole of the last months, up to today, of which no usable reading was
-- taken in that time: neither an actual one nor the customer's own. Counted since the last usable one: the newest
-- reason of the reader, and estimates.
with span as (
    select cast(date_trunc('month', cast(:today as timestamp)) - make_interval(months => :periods) as date) as since
)
select c.contract_no, a.account_no, p.street, p.postcode, p.city, p.point_no, m.meter_no, i.register,
       usable.read_on as last_read_on, failed.reason_code as last_reason, coalesce(estimated.readings, 0) as estimates
from span
join contract c on c.valid @> cast(:today as date) and lower(c.valid) <= span.since
join account a using (account_id)
join point p using (point_id)
join installation i on i.point_id = c.point_id and i.installed_on <= :today
                   and (i.removed_on is null or i.removed_on > :today)
join meter m using (meter_id)
left join lateral (
    select r.read_on, r.read_at
    from reading_now r
    where r.installation_id = i.installation_id and r.is_usable and r.quality in ('actual', 'customer')
    order by r.read_on desc, r.read_at desc
    limit 1
) usable on true
left join lateral (
    select r.reason_code
    from reading_now r
    where r.installation_id = i.installation_id and r.quality = 'not_read' and r.state <> 'VOID'
      and (usable.read_at is null or r.read_at > usable.read_at)
    order by r.read_at desc, r.reading_id desc
    limit 1
) failed on true
left join lateral (
    select count(*) as readings
    from reading_now r
    where r.installation_id = i.installation_id and r.is_usable and r.quality = 'estimated'
      and (usable.read_at is null or r.read_at > usable.read_at)
) estimated on true
where usable.read_on is null or usable.read_on < span.since
order by usable.read_on nulls first, p.point_no, m.meter_no, i.register

-- name: suspects
-- Readings of meters in place that were set aside and that no billed reading has overtaken.
select r.read_on, p.point_no, m.meter_no, r.register, r.index_m3, r.source,
       (select string_agg(f.code, ' ' order by f.code) from finding f where f.reading_id = r.reading_id) as codes,
       w.name as file, came.line_no, a.account_no
from reading_now r
join reading came using (reading_id)
join installation i on i.installation_id = r.installation_id
join meter m on m.meter_id = i.meter_id
join point p using (point_id)
left join import_file w on w.file_id = came.file_id
left join contract c on c.point_id = i.point_id and c.valid @> cast(:today as date)
left join account a using (account_id)
where r.state = 'SUSPECT' and (i.removed_on is null or i.removed_on > :today)
  and not exists (select 1 from reading later join charge_line l on l.current_reading_id = later.reading_id
                  join charge_in_force using (charge_id)
                  where later.installation_id = r.installation_id and later.read_at > r.read_at)
order by r.read_on, p.point_no, m.meter_no, r.register
