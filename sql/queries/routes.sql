-- name: lock
-- One round is made or closed at a time.
select pg_advisory_xact_lock(hashtext('obieg.routes'))

-- name: walk
-- The registers of a route on a day: those of its stops, and those of points under contract that have no stop at all and
-- whose account is billed on the route. A point without a meter has no installation.
with walk as (
    select s.point_id, s.seq, s.place, s.note
    from route_stop s
    where s.route = :route and s.valid @> cast(:on_day as date)
    union all
    select c.point_id, null, '', null
    from contract c
    join account_details a on a.account_id = c.account_id and a.valid @> cast(:on_day as date)
    where a.route = :route and c.valid @> cast(:on_day as date)
      and not exists (select 1 from route_stop s where s.point_id = c.point_id and s.valid @> cast(:on_day as date))
)
select w.seq, w.place, w.note, p.point_no, p.street, p.postcode, p.city, i.installation_id, m.meter_no, i.register,
       i.dials, i.decimals
from walk w
join point p using (point_id)
left join installation i on i.point_id = w.point_id and i.installed_on <= cast(:on_day as date)
                        and (i.removed_on is null or i.removed_on > cast(:on_day as date))
left join meter m using (meter_id)

-- name: last_indexes
-- The last usable indexes that somebody saw, one a day, newest first.
select w.installation_id, h.read_on, h.index_m3
from unnest(cast(:installation_ids as bigint[])) as w(installation_id)
cross join lateral (
    select distinct on (r.read_on) r.read_on, r.index_m3
    from reading_now r
    where r.installation_id = w.installation_id and r.is_usable
      and r.quality in ('actual', 'customer')
    order by r.read_on desc, r.read_at desc, r.reading_id desc
    limit :most
) h
order by w.installation_id, h.read_on desc

-- name: rounds
-- The rounds of a route that end on a day, newest first.
select round_id, round_key, route, lower(days) as starts, upper(days) as until, revision, state, stops, sha256
from reading_round
where route = :route and upper(days) = :until
order by revision desc

-- name: round
select round_id, round_key, route, lower(days) as starts, upper(days) as until, revision, state, stops, sha256
from reading_round
where round_key = :round_key

-- name: overlapping
-- Open rounds that hold one of the registers on one of the days.
select r.round_key, count(*) as stops
from round_stop s
join reading_round r using (round_id)
where s.round_state = 'open' and s.installation_id = any(:installation_ids)
  and s.days && daterange(:starts, :until)
group by r.round_key
order by r.round_key

-- name: insert_round
insert into reading_round (round_key, route, days, revision, state, stops, sha256, event_at, recorded_by)
values (:round_key, :route, daterange(:starts, :until), :revision, 'open', :stops, :sha256, business_now(), :recorded_by)
returning round_id

-- name: move_round
update reading_round set state = :state where round_id = :round_id

-- name: figures
select s.installation_id, s.last_index_m3, s.last_read_on, s.use_m3_day, s.expected_index_m3, s.low_index_m3,
       s.high_index_m3
from round_stop s
where s.round_id = :round_id

-- name: stops
-- The stops of a round with what the registry says of them now; the successor is the register that followed at the point.
select s.seq, s.installation_id, s.in_walk, p.point_no, m.meter_no, i.register, p.street, p.postcode, p.city,
       coalesce(w.place, '') as place, coalesce(i.removed_on < upper(s.days), false) as removed,
       next.installation_id as successor_id, next.meter_no as successor_no
from round_stop s
join installation i using (installation_id)
join meter m using (meter_id)
join point p using (point_id)
left join route_stop w on w.point_id = i.point_id and upper_inf(w.valid)
left join lateral (
    select n.installation_id, nm.meter_no
    from installation n
    join meter nm using (meter_id)
    where n.point_id = i.point_id and n.register = i.register and n.installed_on >= i.removed_on
      and n.installation_id <> i.installation_id
    order by n.installed_on desc
    limit 1
) next on true
where s.round_id = :round_id
order by s.seq

-- name: came
-- What came for the registers of a round within its days.
select s.seq, r.reading_id, r.read_at, r.read_on, r.index_m3, r.source, r.quality, r.state, r.reason_code,
       f.code as finding
from round_stop s
join reading_now r using (installation_id)
left join lateral (
    select code from finding f where f.reading_id = r.reading_id and f.severity = 'quarantine' order by code limit 1
) f on true
where s.round_id = :round_id and r.read_on <@ s.days
order by s.seq, r.read_at, r.reading_id

-- name: results
select r.seq, r.state, r.reading_id, r.reason, r.successor_id, m.meter_no as successor_no, d.read_on, d.index_m3
from round_result r
left join reading d using (reading_id)
left join installation i on i.installation_id = r.successor_id
left join meter m on m.meter_id = i.meter_id
where r.round_id = :round_id
order by r.seq

-- name: insert_results
insert into round_result (round_id, seq, state, reading_id, reason, successor_id, event_at, recorded_by)
select :round_id, e.seq, e.state, e.reading_id, e.reason, e.successor_id, business_now(), :recorded_by
from unnest(cast(:seqs as integer[]), cast(:states as text[]), cast(:reading_ids as bigint[]),
            cast(:reasons as text[]), cast(:successor_ids as bigint[]))
       as e(seq, state, reading_id, reason, successor_id)

-- name: routes
-- Every reading route, and every billing route with points under contract that no walk holds.
with today as (
    select (business_now() at time zone 'Europe/Warsaw')::date as day
), walked as (
    select s.route, count(*) as stops from route_stop s, today where s.valid @> today.day group by s.route
), loose as (
    select a.route, count(distinct c.point_id) as without_stop
    from contract c
    cross join today
    join account_details a on a.account_id = c.account_id and a.valid @> today.day
    where c.valid @> today.day
      and not exists (select 1 from route_stop s where s.point_id = c.point_id and s.valid @> today.day)
    group by a.route
)
select route, coalesce(w.stops, 0) as stops, coalesce(l.without_stop, 0) as without_stop,
       r.round_key as last_round, r.state as last_state
from walked w
full join loose l using (route)
left join lateral (
    select round_key, state from reading_round r where r.route = coalesce(w.route, l.route) and r.state <> 'superseded'
    order by upper(r.days) desc, r.revision desc
    limit 1
) r on true
order by route
