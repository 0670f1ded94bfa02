-- name: waiting
-- Readings that wait for a person: set aside and not overtaken by a billed one, or an estimate that a second person is
-- asked to replace; with the codes of their findings, who they are for, and the account that pays for the point today.
with open_request as (
    select q.reading_id, q.index_m3, q.asked_by
    from reading_request q
    where not exists (select 1 from reading_request newer
                      where newer.reading_id = q.reading_id and newer.request_id > q.request_id)
      and not exists (select 1 from reading_decision d
                      where d.reading_id = q.reading_id and d.recorded_at >= q.recorded_at)
), waits as (
    select r.reading_id from reading r
    where r.state = 'SUSPECT'
      and not exists (select 1 from reading_decision d where d.reading_id = r.reading_id)
      and not exists (select 1 from reading later join billed_up_to u on u.reading_id = later.reading_id
                      where later.installation_id = r.installation_id and later.read_at > r.read_at)
    union
    select q.reading_id from open_request q
)
select r.reading_id, r.read_on, cast(:today as date) - r.read_on as age_days, p.point_no, m.meter_no, r.register,
       r.index_m3, r.source, r.state, coalesce(f.codes, '{}') as codes, f.owner, t.route, t.account_no,
       q.index_m3 as asked_m3, q.asked_by
from waits w
join reading_now r using (reading_id)
join installation i on i.installation_id = r.installation_id
join meter m on m.meter_id = i.meter_id
join point p using (point_id)
left join open_request q on q.reading_id = r.reading_id
left join lateral (
    select array_agg(f.code order by f.code) as codes,
           string_agg(distinct f.owner, ' ' order by f.owner) as owner
    from finding f where f.reading_id = r.reading_id
) f on true
left join lateral (
    select a.account_no, d.route
    from contract c
    join account a using (account_id)
    left join account_details d on d.account_id = c.account_id and d.valid @> cast(:today as date)
    where c.point_id = i.point_id and c.valid && daterange(r.read_on - 1, r.read_on, '[]')
    order by c.valid @> r.read_on - 1 desc, c.contract_id desc limit 1
) t on true
where (cast(:code as text) is null or :code = any(f.codes))
  and (cast(:route as text) is null or t.route = :route)
  and (cast(:owner as text) is null or string_to_array(f.owner, ' ') @> array[:owner])
  and cast(:today as date) - r.read_on >= :older_than
order by r.read_on, p.point_no, m.meter_no, r.register, r.reading_id

-- name: readings
-- Readings with everything that decides what may be decided about them.
select r.reading_id, r.installation_id, r.meter_id, r.register, m.meter_no, p.point_no, i.point_id, i.dials, i.decimals,
       i.removed_on, r.read_at, r.read_on, r.source, r.quality, r.reason_code, r.state, r.index_m3, r.index_received_m3,
       r.is_usable, reading_billed_by(r.reading_id) as billed_by,
       (select coalesce(max(d.decision_no), 0) from reading_decision d where d.reading_id = r.reading_id) as decisions,
       q.request_id, q.index_m3 as asked_m3, q.asked_by
from reading_now r
join installation i on i.installation_id = r.installation_id
join meter m on m.meter_id = i.meter_id
join point p using (point_id)
left join lateral (
    select q.request_id, q.index_m3, q.asked_by
    from reading_request q
    where q.reading_id = r.reading_id
      and not exists (select 1 from reading_decision d
                      where d.reading_id = q.reading_id and d.recorded_at >= q.recorded_at)
    order by q.request_id desc limit 1
) q on true
where r.reading_id = any(:reading_ids)
order by r.reading_id

-- name: accounts_of
-- The account that pays up to each reading: of the day before it, else of its own day.
select distinct on (r.reading_id) r.reading_id, c.account_id, a.account_no
from reading r
join installation i using (installation_id)
join contract c on c.point_id = i.point_id and c.valid && daterange(r.read_on - 1, r.read_on, '[]')
join account a using (account_id)
where r.reading_id = any(:reading_ids)
order by r.reading_id, c.valid @> r.read_on - 1 desc, c.contract_id desc

-- name: insert_decisions
insert into reading_decision (reading_id, decision_no, decision, index_m3, estimate_id, request_id, reason, decided_by,
                              decided_via, event_at)
select reading_id, decision_no, decision, index_m3, estimate_id, request_id, :reason, :decided_by, :decided_via,
       business_now()
from unnest(cast(:reading_ids as bigint[]), cast(:decision_nos as integer[]), cast(:decisions as text[]),
            cast(:indexes_m3 as numeric[]), cast(:estimate_ids as bigint[]), cast(:request_ids as bigint[]))
     as given (reading_id, decision_no, decision, index_m3, estimate_id, request_id)

-- name: insert_request
insert into reading_request (reading_id, index_m3, reason, asked_by, asked_via, event_at)
values (:reading_id, :index_m3, :reason, :asked_by, :asked_via, business_now())
returning request_id

-- name: came_with
-- How a reading came: the line of a file, a person's change, or an estimate.
select r.index_received, r.unit_received, r.alarms, r.external_id, r.recorded_at, f.name as file_name, r.line_no, w.raw,
       w.codes, r.change_id, c.recorded_by as changed_by, e.why, e.method, e.formula_version, e.volume_m3, e.inputs,
       e.note, e.estimated_by, e.since_reading_id
from reading r
left join import_row w on w.file_id = r.file_id and w.line_no = r.line_no
left join import_file f on f.file_id = r.file_id
left join registry_change c on c.change_id = r.change_id
left join estimate e on e.reading_id = r.reading_id
where r.reading_id = :reading_id

-- name: findings
select f.code, f.severity, f.facts, f.owner, f.recorded_at
from finding f
where f.reading_id = :reading_id
order by f.code

-- name: decisions
select d.decision_no, d.decision, d.index_m3, d.estimate_id, d.reason, d.decided_by, d.decided_via, d.event_at,
       q.asked_by, q.reason as asked_reason
from reading_decision d
left join reading_request q using (request_id)
where d.reading_id = :reading_id
order by d.decision_no

-- name: history
-- The last usable readings of a register before a reading, one a day, newest first.
select h.reading_id, h.read_on, h.index_m3, h.quality, h.source
from (
    select distinct on (r.read_on) r.reading_id, r.read_on, r.read_at, r.index_m3, r.quality, r.source
    from reading_now r
    where r.installation_id = :installation_id and r.is_usable and r.read_at < :before
    order by r.read_on desc, r.read_at desc, r.reading_id desc
    limit :most
) h
order by h.read_on desc
