-- name: lock_series
insert into invoice_series (series, last_sequence)
values (:series, coalesce((select last_number from opening_series where series = :series and replaced_at is null), 0))
on conflict (series) do update set last_sequence = invoice_series.last_sequence
returning last_sequence

-- name: advance_series
update invoice_series set last_sequence = :last_sequence where series = :series

-- name: insert_invoices
insert into invoice (series, sequence, invoice_no, cycle_id, account_id, kind, corrects_id, correction_no, charge_id,
                     issue_date, due_date, carrier, net_zl, vat_zl, gross_zl, subsidy_net_zl, subsidy_gross_zl, content,
                     sha256, event_at)
select :series, sequence, invoice_no, :cycle_id, account_id, kind, corrects_id, correction_no, charge_id, :issue_date,
       due_date, carrier, net_zl, vat_zl, gross_zl, subsidy_net_zl, subsidy_gross_zl, content, sha256, business_now()
from unnest(cast(:sequences as bigint[]), cast(:invoice_nos as text[]), cast(:kinds as text[]),
            cast(:account_ids as bigint[]), cast(:charge_ids as bigint[]), cast(:due_dates as date[]),
            cast(:carriers as text[]), cast(:nets as numeric[]), cast(:vats as numeric[]), cast(:grosses as numeric[]),
            cast(:subsidies_net as numeric[]), cast(:subsidies_gross as numeric[]),
            cast(:contents as text[]), cast(:sha256s as text[]), cast(:corrects_ids as bigint[]),
            cast(:correction_nos as integer[]))
     as given (sequence, invoice_no, kind, account_id, charge_id, due_date, carrier, net_zl, vat_zl, gross_zl,
               subsidy_net_zl, subsidy_gross_zl, content, sha256, corrects_id, correction_no)

-- name: supersede_billed_periods
-- What corrections bill instead, or no more: the days of their invoice, or of the correction before, and nobody else's.
update billed_period b
set superseded_by = past.superseded_by
from (select p.invoice_id, p.line_no, new.invoice_id as superseded_by
      from invoice new
      cross join lateral (select new.corrects_id as invoice_id
                          union all
                          select o.invoice_id from invoice o
                          where o.corrects_id = new.corrects_id and o.correction_no = new.correction_no - 1) old
      cross join lateral (select one.invoice_id, one.line_no from billed_period one
                          where one.invoice_id = old.invoice_id and one.superseded_by is null offset 0) p
      where new.invoice_no = any(:invoice_nos) and new.corrects_id is not null) past
where b.invoice_id = past.invoice_id and b.line_no = past.line_no

-- name: insert_billed_periods
-- A service that was ordered occupies no days, and neither does a prognoza: its settlement does.
insert into billed_period (invoice_id, line_no, account_id, point_id, service, period)
select i.invoice_id, l.line_no, i.account_id, l.point_id, l.service, l.period
from invoice i
join charge_line l using (charge_id)
where i.invoice_no = any(:invoice_nos) and l.row_no = 1 and l.service <> 'extra'
  and coalesce(l.origin, '') not in ('forecast', 'settled_forecast')

-- name: insert_drafted_periods
-- The days and readings of the cycle's KSeF drafts, as they are laid out for the gateway.
insert into drafted_period (cycle_id, account_id, line_no, point_id, service, period, current_reading_id)
select h.cycle_id, h.account_id, l.line_no, p.point_id, l.line ->> 'service',
       daterange(cast(l.line #>> '{period,start}' as date), cast(l.line #>> '{period,until}' as date)),
       cast(l.line ->> 'current_reading_id' as bigint)
from hold h
cross join lateral jsonb_array_elements(cast(h.draft as jsonb) -> 'lines') with ordinality as l (line, line_no)
left join point p on p.point_no = l.line ->> 'point_no'
where h.cycle_id = :cycle_id and h.draft is not null and coalesce(cast(l.line ->> 'row_no' as integer), 1) = 1
  and l.line ->> 'service' <> 'extra'
  and coalesce(l.line ->> 'origin', '') not in ('forecast', 'settled_forecast')

-- name: insert_drafted_readings
insert into drafted_reading (cycle_id, account_id, reading_id, is_end)
select h.cycle_id, h.account_id, n.reading_id, n.is_end
from hold h
cross join lateral readings_of_draft(h.draft) n
where h.cycle_id = :cycle_id and h.draft is not null

-- name: insert_drafted_indexes
insert into drafted_index (cycle_id, account_id, point_id, reading_id, index_m3)
select h.cycle_id, h.account_id, p.point_id, n.reading_id, n.index_m3
from hold h
cross join lateral indexes_of_draft(h.draft) n
left join point p on p.point_no = n.point_no
where h.cycle_id = :cycle_id and h.draft is not null

-- name: insert_drafted_shares
insert into drafted_share (cycle_id, account_id, share_id)
select distinct h.cycle_id, h.account_id, cast(line #>> '{difference,share_id}' as bigint)
from hold h
cross join lateral jsonb_array_elements(cast(h.draft as jsonb) -> 'lines') as line
where h.cycle_id = :cycle_id and h.draft is not null and line #>> '{difference,share_id}' is not null

-- name: insert_deliveries
insert into delivery (delivery_id, invoice_id, purpose, channel, account_id, address, state, reason, message_id,
                      issue_date, deadline, not_before)
select given.delivery_id, i.invoice_id, 'invoice', given.channel, i.account_id, given.address, 'planned',
       given.reason, given.message_id, i.issue_date,
       (i.issue_date + 1)::timestamp at time zone 'Europe/Warsaw', now()
from unnest(cast(:delivery_ids as uuid[]), cast(:invoice_nos as text[]), cast(:channels as text[]),
            cast(:addresses as text[]), cast(:reasons as text[]), cast(:message_ids as text[]))
     as given (delivery_id, invoice_no, channel, address, reason, message_id)
join invoice i using (invoice_no)

-- name: issued_totals
select count(*) as invoices, coalesce(sum(net_zl), 0) as net_zl, coalesce(sum(vat_zl), 0) as vat_zl,
       coalesce(sum(gross_zl), 0) as gross_zl, min(invoice_no) as first_no, max(invoice_no) as last_no,
       encode(sha256(coalesce(string_agg(sha256, '' order by sequence), '')::bytea), 'hex') as sha256
from invoice
where cycle_id = :cycle_id

-- name: find_invoice
select i.invoice_id, i.invoice_no, i.issue_date, i.due_date, i.content, i.sha256, c.cycle_key, d.sha256 as document_sha256,
       d.archive_key, d.template_version
from invoice i
join cycle c using (cycle_id)
left join document d on d.invoice_id = i.invoice_id and d.kind = 'invoice'
where i.invoice_no = :invoice_no
