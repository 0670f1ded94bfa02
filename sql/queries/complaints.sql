-- name: latest_of_invoice
select c.complaint_id, c.complaint_no, o.outcome
from complaint c
left join complaint_outcome o using (complaint_id)
where c.invoice_id = :invoice_id
order by c.complaint_id desc
limit 1

-- name: insert_complaint
insert into complaint (year, sequence, invoice_id, earlier_id, received_on, received_via, subject, customer_text,
                       consumer, answer_until, answer_basis, silence_basis, event_at, recorded_by, recorded_via)
select :year, (select coalesce(max(sequence), 0) + 1 from complaint where year = :year), :invoice_id, :earlier_id,
       :received_on, :received_via, :subject, :customer_text, :consumer, :answer_until, :answer_basis, :silence_basis,
       business_now(), :recorded_by, :recorded_via
returning complaint_id, complaint_no

-- name: insert_event
insert into complaint_event (complaint_id, event_no, kind, happened_on, sent_via, words, event_at, recorded_by,
                             recorded_via)
select :complaint_id, coalesce(max(event_no), 0) + 1, :kind, :happened_on, :sent_via, :words, business_now(),
       :recorded_by, :recorded_via
from complaint_event
where complaint_id = :complaint_id
returning event_no

-- name: cases
-- Cases with how they stand: unanswered ones first, the one whose term ends first on top.
select c.complaint_id, c.complaint_no, earlier.complaint_no as earlier_no, i.invoice_id, i.invoice_no, i.issue_date,
       i.due_date, i.gross_zl, i.payable_zl, y.cycle_key, a.account_no, c.received_on, c.received_via, c.subject, c.customer_text,
       c.consumer, c.answer_until, c.answer_basis, c.silence_basis, c.recorded_by, answered.event_no as answer_no,
       answered.happened_on as answered_on, o.outcome, o.reason, o.decided_by, o.decided_via, o.order_id
from complaint c
join invoice i using (invoice_id)
join cycle y on y.cycle_id = i.cycle_id
join account a on a.account_id = i.account_id
left join complaint earlier on earlier.complaint_id = c.earlier_id
left join complaint_event answered on answered.complaint_id = c.complaint_id and answered.kind = 'answered'
left join complaint_outcome o on o.complaint_id = c.complaint_id
where (cast(:complaint_no as text) is null or c.complaint_no = :complaint_no)
  and (not :only_open or o.outcome is null or answered.event_no is null)
  and (cast(:due as date) is null or (answered.event_no is null and c.answer_until <= :due))
order by (answered.event_no is not null), c.answer_until, c.complaint_id

-- name: events
select event_no, kind, happened_on, sent_via, words, event_at, recorded_by, recorded_via
from complaint_event
where complaint_id = :complaint_id
order by event_no

-- name: order_readings
select r.reading_id, r.read_on, m.meter_no, r.index_m3 as was_m3, q.index_m3
from correction_order_reading q
join reading r using (reading_id)
join meter m using (meter_id)
where q.order_id = :order_id
order by r.reading_id

-- name: order_points
select p.point_no
from correction_order_point q
join point p using (point_id)
where q.order_id = :order_id
order by p.point_no

-- name: corrections_since
-- Corrections of the invoice of a case; of one about a correction, those that came after it.
select c.invoice_no, c.payable_zl, c.content
from invoice i
join invoice c on c.corrects_id = coalesce(i.corrects_id, i.invoice_id)
              and c.correction_no > coalesce(i.correction_no, 0)
where i.invoice_id = :invoice_id
order by c.correction_no

-- name: order_corrections
select i.invoice_no, i.gross_zl, y.cycle_key, y.state
from correction_run r
join cycle y using (cycle_id)
left join invoice i using (cycle_id)
where r.order_id = :order_id and y.state not in ('rejected', 'dry')
order by i.sequence

-- name: insert_order
insert into correction_order (invoice_id, reason, ordered_by, ordered_via, event_at)
values (:invoice_id, :reason, :decided_by, :decided_via, business_now())
returning order_id

-- name: insert_order_readings
insert into correction_order_reading (order_id, reading_id, index_m3)
select :order_id, reading_id, index_m3
from unnest(cast(:reading_ids as bigint[]), cast(:indexes_m3 as numeric[])) as given (reading_id, index_m3)

-- name: insert_order_points
insert into correction_order_point (order_id, point_id)
select :order_id, point_id from point where point_no = any(:point_nos)

-- name: insert_outcome
insert into complaint_outcome (complaint_id, invoice_id, outcome, reason, answer_no, order_id, decided_by, decided_via,
                               event_at)
values (:complaint_id, :invoice_id, :outcome, :reason, :answer_no, :order_id, :decided_by, :decided_via,
        business_now())

-- name: readings_as_received
-- As somebody read them; of one that a person edited, the index that counts in its place.
select r.reading_id, case when n.index_m3 = r.index_m3 then r.index_received else n.index_m3::text end as index_received,
       case when n.index_m3 = r.index_m3 then r.unit_received else 'm3' end as unit_received, n.index_m3, r.source,
       r.quality
from reading r
join reading_now n using (reading_id)
where r.reading_id = any(:reading_ids)
