-- name: eligible_accounts
-- Every account of the routes, with the channel agreed for the issue date and the address confirmed for it.
select a.account_id, a.account_no, a.bank_account, coalesce(p.channel, 'paper') as channel, p.consent_id,
       e.address as email, e.state as email_state
from account a
left join delivery_preference p on p.account_id = a.account_id and p.valid @> cast(:issue_date as date)
left join email_address e on e.account_id = a.account_id and e.valid @> cast(:issue_date as date)
where :all_routes or a.route = any(:routes)
order by a.account_no

-- name: count_eligible
select count(*) from account a where :all_routes or a.route = any(:routes)

-- name: accounts_in_other_cycles
-- Accounts that another cycle has in work, or has invoiced for some of the same months.
select distinct s.account_id, c.cycle_key
from snapshot_account s
join cycle c using (cycle_id)
where c.cycle_id <> :cycle_id and not c.dry_run
  and (c.state in ('opened', 'frozen', 'checked', 'approved')
       or (c.state in ('issued', 'closed') and c.period && daterange(:start, :until)
           and exists (select 1 from invoice i where i.cycle_id = s.cycle_id and i.account_id = s.account_id)))

-- name: parties
select ap.account_id, ap.role, p.party_no, p.kind, p.name, p.nip, p.street, p.postcode, p.city
from account_party ap
join party p using (party_id)
where ap.valid @> cast(:issue_date as date)

-- name: contracts
select c.account_id, c.point_id, c.contract_no, c.tariff_class, c.services,
       lower(c.valid) as contract_from, upper(c.valid) as contract_until, p.point_no, p.street, p.postcode, p.city
from contract c
join point p using (point_id)
where c.valid && daterange(:start, :until)
order by c.account_id, p.point_no

-- name: registers
-- Each register that is not billed to its end, with its last billed (or installation) reading and the newest usable
-- one of the cycle's window; for a removed meter only the removal reading can be the current one.
select i.point_id, m.meter_no, i.register, i.dials, i.decimals, i.installed_on, i.removed_on,
       previous.reading_id as previous_id, previous.read_on as previous_on, previous.index_m3 as previous_m3,
       previous.source as previous_source, previous.quality as previous_quality,
       current.reading_id as current_id, current.read_on as current_on, current.index_m3 as current_m3,
       current.source as current_source, current.quality as current_quality,
       missing.reason as missing_reason
from installation i
join meter m using (meter_id)
join lateral (
    select r.reading_id, r.read_on, r.read_at, r.index_m3, r.source, r.quality
    from reading r
    where r.installation_id = i.installation_id and r.state = 'VALID' and r.index_m3 is not null
      and (r.source = 'exchange_install'
           or exists (select 1 from charge_line l join invoice v using (charge_id)
                      where l.current_reading_id = r.reading_id))
    order by r.read_on desc, r.read_at desc, r.reading_id desc
    limit 1
) previous on true
left join lateral (
    select r.reading_id, r.read_on, r.index_m3, r.source, r.quality
    from reading r
    where r.installation_id = i.installation_id and r.state = 'VALID' and r.index_m3 is not null
      and r.read_at >= previous.read_at and r.reading_id <> previous.reading_id
      and case when i.removed_on is null
               then r.source <> 'exchange_removal' and r.read_on >= :window_start and r.read_on < :window_until
               else r.source = 'exchange_removal' end
    order by r.read_on desc, r.read_at desc, r.reading_id desc
    limit 1
) current on true
left join lateral (
    select case when r.state = 'SUSPECT' then 'suspect' else r.reason_code end as reason
    from reading r
    where r.installation_id = i.installation_id and (r.state = 'SUSPECT' or r.quality = 'not_read')
      and r.read_on >= :window_start and r.read_on < :window_until
    order by r.read_on desc, r.read_at desc, r.reading_id desc
    limit 1
) missing on current.reading_id is null
where i.installed_on < :window_until
  and not (i.removed_on is not null and previous.source = 'exchange_removal')
order by i.point_id, i.installed_on, m.meter_no, i.register

-- name: snapshot_chunk
select s.account_id, s.content from snapshot_account s
where s.cycle_id = :cycle_id and s.chunk_no = :chunk_no
  and not exists (select 1 from hold h where h.cycle_id = s.cycle_id and h.account_id = s.account_id
                  and h.stage = 'freeze')
order by s.account_id

-- name: snapshot_totals
select count(*) as accounts, coalesce(max(chunk_no) + 1, 0) as chunks,
       encode(sha256(coalesce(string_agg(sha256, '' order by account_id), '')::bytea), 'hex') as sha256
from snapshot_account
where cycle_id = :cycle_id
