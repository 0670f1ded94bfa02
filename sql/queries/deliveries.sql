-- name: release
-- Archived documents may leave: the release gate of this version is open at once.
update delivery d
set state = 'ready', updated_at = clock_timestamp()
where d.state = 'archived' and (cast(:cycle_id as bigint) is null
      or d.invoice_id in (select invoice_id from invoice where cycle_id = :cycle_id))
  and d.invoice_id not in (select i.invoice_id from invoice i
                           where i.cycle_id in (select reversed_cycle_id from correction_run
                                                where is_being_reversed(reversed_cycle_id)))
returning d.delivery_id

-- name: owners_of_leases
select distinct lease_owner from delivery where state in ('leased', 'sending')

-- name: free_leases
-- A lease that ran out, or whose owner is known to be dead, before anything was sent.
update delivery
set state = 'ready', lease_owner = null, lease_until = null, updated_at = clock_timestamp()
where state = 'leased' and (lease_until < now() or lease_owner = any(:dead_owners))
returning delivery_id

-- name: doubt_sendings
-- The same after the intent was committed: whether the message left is not known.
update delivery
set state = 'unknown', lease_owner = null, lease_until = null, updated_at = clock_timestamp()
where state = 'sending' and (lease_until < now() or lease_owner = any(:dead_owners))
returning delivery_id

-- name: unknown_deliveries
select d.delivery_id, d.message_id, a.intent_at
from delivery d
join lateral (select * from attempt t where t.delivery_id = d.delivery_id order by attempt_no desc limit 1) a on true
where d.state = 'unknown'
order by d.delivery_id
for update of d skip locked

-- name: expire
-- Documents that would leave their customer less than the lawful term if they left today.
update delivery d
set state = 'overdue', updated_at = clock_timestamp()
from invoice i
where i.invoice_id = d.invoice_id and d.state = 'ready' and not d.decided and d.purpose = 'invoice'
  and (i.kind <> 'correction' or i.payable_zl > 0)
  and i.due_date < (business_now() at time zone 'Europe/Warsaw')::date + :minimum_days
returning d.delivery_id

-- name: claim
update delivery
set state = 'leased', lease_owner = :owner, lease_until = now() + make_interval(secs => :lease_s), fence = fence + 1,
    updated_at = clock_timestamp()
where delivery_id in (
    select delivery_id from delivery
    where channel = 'email' and state = 'ready' and not_before <= now()
      and invoice_id not in (select i.invoice_id from invoice i
                             where i.cycle_id in (select reversed_cycle_id from correction_run
                                                  where is_being_reversed(reversed_cycle_id)))
      and (cast(:cycle_id as bigint) is null or invoice_id in (select invoice_id from invoice where cycle_id = :cycle_id))
    order by not_before, delivery_id
    limit :batch
    for update skip locked)
returning delivery_id, fence

-- name: claimed_mail
-- What is needed to send, and whether the address is today the one that is agreed and confirmed for the account. The
-- limit keeps the planner to the one account.
select d.delivery_id, d.fence, d.attempts, d.address, d.message_id, d.account_id, i.invoice_no, i.content,
       i.account_id as invoice_account_id, i.event_at as issued_at,
       (select e.account_id from email_address e
        where e.account_id = i.account_id and e.address = d.address
        limit 1) as address_account_id,
       coalesce(g.channel = 'email' and g.email = d.address and g.email_state = 'confirmed', false) as agreed,
       doc.archive_key, doc.offset_bytes, doc.size_bytes, doc.sha256 as document_sha256, doc.duplicate_on
from delivery d
join invoice i using (invoice_id)
join document doc on doc.document_id = d.document_id and doc.invoice_id = d.invoice_id
cross join (select (business_now() at time zone 'Europe/Warsaw')::date as today) clock
left join lateral (select a.channel, a.email, a.email_state from agreed_delivery(clock.today) a
                   where a.account_id = i.account_id
                   limit 1) g on true
where d.delivery_id = any(cast(:delivery_ids as uuid[]))
order by d.delivery_id

-- name: intend
-- The held delivery moves on, and its next attempt begins.
with held as (
    update delivery
    set state = :state, attempts = attempts + 1, lease_until = now() + make_interval(secs => :lease_s),
        updated_at = clock_timestamp()
    where delivery_id = :delivery_id and fence = :fence and state = 'leased'
    returning delivery_id, attempts, fence)
insert into attempt (delivery_id, attempt_no, fence, relay, mime_sha256, intent_at)
select delivery_id, attempts, fence, :relay, :mime_sha256, clock_timestamp() from held

-- name: conclude
-- The held delivery moves on, and its last attempt ends.
with held as (
    update delivery
    set state = :state, not_before = now() + make_interval(secs => :wait_s), lease_owner = null, lease_until = null,
        updated_at = clock_timestamp()
    where delivery_id = :delivery_id and fence = :fence and state = :source
    returning delivery_id, attempts)
update attempt a
set ended_at = clock_timestamp(), outcome = :outcome, reply_code = :reply_code, reply_enhanced = :reply_enhanced,
    reply_text = :reply_text
from held
where a.delivery_id = held.delivery_id and a.attempt_no = held.attempts

-- name: resolve
-- The doubt ends, and so does the attempt that left it.
with resolved as (
    update delivery set state = :state, not_before = now(), updated_at = clock_timestamp()
    where delivery_id = :delivery_id and state = 'unknown'
    returning delivery_id, attempts)
update attempt a
set ended_at = clock_timestamp(), outcome = :outcome, reply_text = :reply_text
from resolved
where a.delivery_id = resolved.delivery_id and a.attempt_no = resolved.attempts

-- name: mark_dead
-- No e-mail to this address until it is confirmed anew: the next cycles print, at the agreed price.
update email_address e
set state = 'dead', dead_by = :dead_by
from delivery d
where d.delivery_id = :delivery_id and e.account_id = d.account_id and e.address = d.address and e.state <> 'dead'
returning e.email_id

-- name: fall_back_to_paper
insert into delivery (delivery_id, invoice_id, purpose, channel, account_id, state, reason, document_id, issue_date,
                      deadline, not_before, decided)
select :paper_id, invoice_id, purpose, 'paper', account_id, 'ready', 'email_' || state, document_id, issue_date,
       deadline, now(), decided
from delivery
where delivery_id = :delivery_id
on conflict do nothing
returning delivery_id

-- name: cycles_with_letters
-- Only where every invoice has its document and is released: a package made while others are still rendered would
-- split one posting in two.
select distinct i.cycle_id, c.cycle_key
from delivery d
join invoice i using (invoice_id)
join cycle c using (cycle_id)
where d.channel = 'paper' and d.state = 'ready' and (cast(:cycle_id as bigint) is null or i.cycle_id = :cycle_id)
  and not is_being_reversed(i.cycle_id)
  and not exists (select 1 from delivery w join invoice j using (invoice_id)
                  where j.cycle_id = i.cycle_id and w.state in ('planned', 'archived'))
order by i.cycle_id

-- name: letters
select d.delivery_id, a.account_no, i.invoice_no, i.content, doc.archive_key, doc.offset_bytes, doc.size_bytes,
       doc.sha256 as document_sha256, doc.pages,
       s.content::json #>> '{points,0,tariff_class}' as tariff_class,
       -- priced as paper, so that a letter instead of a rejected e-mail is none; only a natural person may choose
       (s.content::json ->> 'channel') = 'paper'
         and (s.content::json #>> '{parties,nabywca,kind}') = 'natural_person'
         and i.kind <> 'correction' and d.purpose = 'invoice' as could_go_paperless
from delivery d
join invoice i using (invoice_id)
join document doc on doc.document_id = d.document_id and doc.invoice_id = d.invoice_id
join snapshot_account s on s.cycle_id = i.cycle_id and s.account_id = i.account_id
join account a on a.account_id = d.account_id
where d.channel = 'paper' and d.state = 'ready' and i.cycle_id = :cycle_id
order by i.sequence
for update of d skip locked

-- name: block_letter
-- A letter whose document is not the archived one; the reason stands where a relay's answer would.
with held as (
    update delivery set state = 'blocked', attempts = attempts + 1, updated_at = clock_timestamp()
    where delivery_id = :delivery_id and state = 'ready'
    returning delivery_id, attempts, fence)
insert into attempt (delivery_id, attempt_no, fence, relay, intent_at, ended_at, outcome, reply_text)
select delivery_id, attempts, fence, 'print package', clock_timestamp(), clock_timestamp(), 'blocked', :reason from held

-- name: next_package_no
select count(*) + 1 from print_package where cycle_id = :cycle_id

-- name: insert_package
insert into print_package (package_no, cycle_id, path, sha256, letters, event_at)
values (:package_no, :cycle_id, :path, :sha256, :letters, business_now())
returning package_id

-- name: mark_packaged
update delivery set state = 'packaged', package_id = :package_id, updated_at = clock_timestamp()
where delivery_id = any(cast(:delivery_ids as uuid[])) and state = 'ready'

-- name: recorded_packages
select path from print_package where path = any(:paths)

-- name: deliveries_to_decide
select d.delivery_id, d.channel, d.state, i.cycle_id, i.due_date
from delivery d
join invoice i using (invoice_id)
where i.invoice_no = :invoice_no
order by d.recorded_at
for update of d

-- name: move_decided
update delivery
set state = :state, decided = decided or :decided, not_before = now(), updated_at = clock_timestamp()
where delivery_id = :delivery_id
returning delivery_id

-- name: insert_decision
insert into delivery_decision (delivery_id, decision, decided_by, decided_via, note, event_at)
values (:delivery_id, :decision, :decided_by, :decided_via, :note, business_now())

-- name: delivery_counts
select d.channel, d.state, count(*) as deliveries
from delivery d
join invoice i using (invoice_id)
where i.cycle_id = :cycle_id and d.purpose = 'invoice'
group by d.channel, d.state
order by d.channel, d.state

-- name: deliveries_of_invoice
select d.delivery_id, d.channel, d.state, d.reason, d.attempts, d.deadline, d.not_before, d.message_id,
       p.package_no, d.updated_at, a.attempt_no, a.relay, a.intent_at, a.ended_at, a.outcome, a.reply_code, a.reply_text
from delivery d
join invoice i using (invoice_id)
left join print_package p using (package_id)
left join attempt a using (delivery_id)
where i.invoice_no = :invoice_no
order by d.recorded_at, a.attempt_no

-- name: accepted_mail
select d.delivery_id, d.message_id, i.invoice_no
from delivery d
join invoice i using (invoice_id)
where i.cycle_id = :cycle_id and d.channel = 'email' and d.purpose = 'invoice'
  and d.state in ('accepted', 'delivered', 'settled')
order by i.sequence

-- name: packages
select package_no, path, sha256, letters from print_package where cycle_id = :cycle_id order by package_id
