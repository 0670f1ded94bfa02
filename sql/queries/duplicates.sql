-- name: find_invoice
-- An invoice, the way that is agreed with its account today, and who payer and nabywca are today.
select i.invoice_id, i.invoice_no, i.account_id, i.issue_date, i.content, i.sha256, d.channel, d.email, d.email_state,
       exists (select 1 from cycle y
               where y.cycle_id in (i.cycle_id, (select o.cycle_id from invoice o where o.invoice_id = i.corrects_id))
                 and y.reversed_by is not null) as is_reversed,
       (select json_object_agg(r.role, p.party_no) from account_party r join party p using (party_id)
        where r.account_id = i.account_id and r.role in ('payer', 'nabywca') and r.valid @> cast(:today as date))
           as parties_now
from invoice i
cross join lateral (
    select * from agreed_delivery(cast(:today as date)) of_all where of_all.account_id = i.account_id limit 1) d
where i.invoice_no = :invoice_no

-- name: find_duplicate
select document_id, archive_key, sha256 from document
where invoice_id = :invoice_id and kind = 'duplicate' and duplicate_on = :duplicate_on

-- name: insert_delivery
insert into delivery (delivery_id, invoice_id, purpose, channel, account_id, address, state, reason, document_id,
                      message_id, issue_date, deadline, not_before)
select :delivery_id, i.invoice_id, 'duplicate', :channel, i.account_id, :address, 'planned', 'on_demand', :document_id,
       :message_id, :duplicate_on, (cast(:duplicate_on as date) + 1)::timestamp at time zone 'Europe/Warsaw', now()
from invoice i
where i.invoice_id = :invoice_id
on conflict do nothing
returning delivery_id

-- name: archive_delivery
update delivery set state = 'archived', updated_at = clock_timestamp()
where delivery_id = :delivery_id and state = 'planned'
