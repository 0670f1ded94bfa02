-- name: cycle_run
select cycle_key, kind, state, airflow_run_id from cycle where cycle_key = :cycle_key

-- name: delivery
select i.invoice_no, i.issue_date, i.payable_zl, d.delivery_id, d.purpose, d.channel, d.state, d.reason, d.address,
       d.message_id, d.attempts, d.not_before, d.deadline, d.updated_at, doc.archive_key, doc.sha256 as document_sha256,
       p.package_no, p.path as package_path
from invoice i
left join delivery d using (invoice_id)
left join document doc on doc.invoice_id = i.invoice_id
                      and doc.document_id = coalesce(d.document_id, doc.document_id)
                      and (d.document_id is not null or doc.kind = 'invoice')
left join print_package p using (package_id)
where i.invoice_no = :invoice_no
order by d.purpose, d.channel

-- name: attempts
select attempt_no, relay, intent_at, ended_at, outcome, reply_code, reply_enhanced, reply_text
from attempt
where delivery_id = :delivery_id
order by attempt_no

-- name: invoice
select i.invoice_id, i.invoice_no, i.issue_date, i.due_date, i.net_zl, i.vat_zl, i.gross_zl, i.subsidy_net_zl,
       i.subsidy_gross_zl, i.payable_zl, i.carrier, i.sha256,
       c.cycle_key, a.account_no, i.content
from invoice i
join cycle c using (cycle_id)
join account a on a.account_id = i.account_id
where i.invoice_no = :invoice_no

-- name: contents_before
-- Invoices of water or sewage that the account got before this one, newest first, each as its last correction before
-- this one put it.
select coalesce(corrected.content, before.content) as content
from invoice i
join invoice before using (account_id)
left join lateral (
    select c.content from invoice c
    where c.corrects_id = before.invoice_id and (c.issue_date, c.invoice_id) < (i.issue_date, i.invoice_id)
    order by c.correction_no desc limit 1
) corrected on true
where i.invoice_no = :invoice_no and before.kind <> 'correction'
  and (before.issue_date, before.invoice_id) < (i.issue_date, i.invoice_id)
  and exists (select 1 from charge_line l where l.charge_id = before.charge_id and l.service <> 'extra')
order by before.issue_date desc, before.invoice_id desc
limit 12

-- name: reading_as_received
-- With the line of the file that it came in, the change that a person typed, or the estimate; and what was decided last.
select r.reading_id, r.read_at, r.read_on, r.source, r.quality, r.index_m3, f.name as file_name,
       f.sha256 as file_sha256,
       r.line_no, w.raw, r.change_id, c.recorded_by as changed_by, e.method as estimated_by_method, e.why as estimated_why,
       d.decision, d.index_m3 as decided_m3, d.decided_by
from reading r
left join import_row w on w.file_id = r.file_id and w.line_no = r.line_no
left join import_file f on f.file_id = r.file_id
left join registry_change c on c.change_id = r.change_id
left join estimate e on e.reading_id = r.reading_id
left join lateral (
    select n.decision, n.index_m3, n.decided_by from reading_decision n
    where n.reading_id = r.reading_id order by n.decision_no desc limit 1
) d on true
where r.reading_id = :reading_id

-- name: mailed_invoice
select i.invoice_no, a.account_no, i.gross_zl, d.message_id, d.address, doc.archive_key
from delivery d
join invoice i using (invoice_id)
join account a on a.account_id = i.account_id
join document doc on doc.document_id = d.document_id
join cycle c on c.cycle_id = i.cycle_id
where c.cycle_key = :cycle_key and d.channel = 'email' and d.state in ('accepted', 'delivered', 'settled')
order by i.invoice_no
limit 1

-- name: print_packages
select p.package_no, p.path, p.sha256, p.letters
from print_package p
join cycle c using (cycle_id)
where c.cycle_key = :cycle_key
order by p.package_id

-- name: clock_is_set
select demo_now is not null from business_clock
