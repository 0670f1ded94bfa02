-- name: register_terms
insert into terms_version (kind, label, sha256, body, effective_from)
values (:kind, :label, :sha256, :body, :effective_from)
on conflict do nothing

-- name: terms
select terms_id, kind, label, sha256, effective_from from terms_version where kind = :kind

-- name: events_of_accounts
select a.account_no, c.consent_id, c.account_id, c.event, c.method, c.occurred_at, c.received_at, t.label as terms_label,
       coalesce(t.sha256, '') as terms_sha256, c.email, c.signer_name, c.scan_sha256, c.requested_from, c.evidence,
       c.file_id, c.line_no, c.change_id, conversion.outcome
from consent_event c
join account a using (account_id)
left join terms_version t using (terms_id)
left join consent_conversion conversion using (consent_id)
where a.account_no = any(:account_nos)
order by c.received_at, c.consent_id

-- name: accounts_pending
-- Accounts that have consents which no conversion has taken yet.
select distinct a.account_no
from consent_event c
join account a using (account_id)
where not exists (select 1 from consent_conversion v where v.consent_id = c.consent_id)
order by a.account_no

-- name: ids_of_file
select c.line_no, c.consent_id from consent_event c where c.file_id = :file_id and c.account_id = any(:account_ids)

-- name: parties_of_accounts
-- Who pays for and who is billed for the accounts, by day.
select a.account_no, ap.role, ap.party_id, d.name, lower(period) as valid_from, upper(period) as valid_until
from account_party ap
join account a using (account_id)
join party_details d using (party_id)
cross join lateral (select ap.valid * d.valid as period) both_hold
where not isempty(period) and a.account_no = any(:account_nos) and ap.role in ('payer', 'nabywca')

-- name: holders_of_emails
-- Accounts whose confirmed address on a day is one of these (in small letters), with their payer and nabywca.
select lower(e.address) as email, a.account_no, payer.party_id as payer_id, nabywca.party_id as nabywca_id
from email_address e
join account a using (account_id)
left join account_party payer
       on payer.account_id = a.account_id and payer.role = 'payer' and payer.valid @> cast(:on_day as date)
left join account_party nabywca
       on nabywca.account_id = a.account_id and nabywca.role = 'nabywca' and nabywca.valid @> cast(:on_day as date)
where lower(e.address) = any(:emails) and e.state = 'confirmed' and e.valid @> cast(:on_day as date)

-- name: contracts_of_accounts
-- One row a class: a contract whose class changed has several.
select a.account_no, t.tariff_class, t.services, lower(period) as valid_from, upper(period) as valid_until
from contract c
join account a using (account_id)
join point p using (point_id)
join contract_terms t using (contract_id)
cross join lateral (select c.valid * t.valid as period) both_hold
where a.account_no = any(:account_nos) and not isempty(period)
order by a.account_no, p.point_no, lower(period)

-- name: open_emails
select e.email_id, a.account_no, e.address, e.state, lower(e.valid) as valid_from
from email_address e
join account a using (account_id)
where a.account_no = any(:account_nos) and upper_inf(e.valid) and not isempty(e.valid)

-- name: close_email
update email_address
set valid = case when lower(valid) < :until then daterange(lower(valid), :until) else 'empty' end, ended_by = :ended_by,
    ended_change_id = :change_id
where email_id = :email_id

-- name: preferences
select p.channel, lower(p.valid) as valid_from, upper(p.valid) as valid_until, p.consent_id
from delivery_preference p
join account a using (account_id)
where a.account_no = :account_no
order by lower(p.valid)

-- name: forget_preferences
delete from delivery_preference where account_id = any(:account_ids)

-- name: conversions_since
-- What conversions did, for whoever tells the customers: from a consent id on, in order.
select v.consent_id, a.account_no, c.event, c.method, c.email, v.outcome, v.reason, v.effective_from,
       v.price_effect_zl_year, v.event_at
from consent_conversion v
join consent_event c using (consent_id)
join account a using (account_id)
where v.consent_id > :after
order by v.consent_id
