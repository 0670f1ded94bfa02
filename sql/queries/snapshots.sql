-- name: eligible_accounts
-- Every account of the routes, with the channel agreed for the issue date, the address known for it, the day from which
-- the standing charge is owed, and the day on which payer or nabywca last changed. A recipient owes a calendar month
-- once, however often a contract ended and began in it; a contract that a person opened late owes its months as well.
select a.account_id, a.account_no, details.bank_account, d.channel, d.consent_id, d.email, d.email_state,
       coalesce(
           (select max(case when b.point_id is null and upper(b.period) > date_trunc('month', upper(b.period))
                            then (date_trunc('month', upper(b.period)) + interval '1 month')::date
                            else upper(b.period) end)
            from billed_day b
            where b.account_id = a.account_id and b.service = 'abonament'),
           least(cast(:start as date),
                 (select min(lower(y.period)) from hold h join cycle y using (cycle_id)
                  where h.account_id = a.account_id and not h.excluded and y.state in ('issued', 'closed')
                    and lower(y.period) < :start),
                 (select min(lower(c.valid)) from contract c
                  where c.account_id = a.account_id and c.change_id is not null))) as standing_from,
       (select max(lower(h.valid)) from account_party h
        where h.account_id = a.account_id and h.role in ('payer', 'nabywca')
          and h.valid @> cast(:issue_date as date)
          and exists (select 1 from account_party earlier
                      where earlier.account_id = h.account_id and earlier.role = h.role
                        and earlier.party_id <> h.party_id and upper(earlier.valid) <= lower(h.valid)))
           as handed_over_on
from account a
join account_details details on details.account_id = a.account_id and details.valid @> cast(:issue_date as date)
join agreed_delivery(cast(:issue_date as date)) d on d.account_id = a.account_id
where :all_routes or details.route = any(:routes)
order by a.account_no

-- name: count_eligible
select count(*) from account_details
where valid @> cast(:issue_date as date) and (:all_routes or route = any(:routes))

-- name: accounts_in_other_cycles
-- Accounts that another cycle has in work, or has invoiced for some of the same months.
select distinct s.account_id, c.cycle_key
from snapshot_account s
join cycle c using (cycle_id)
where c.cycle_id <> :cycle_id and not c.dry_run
  and (c.state in ('opened', 'frozen', 'checked', 'approved')
       or (c.state in ('issued', 'closed') and c.period && daterange(:start, :until)
           and (exists (select 1 from invoice i where i.cycle_id = s.cycle_id and i.account_id = s.account_id)
                or exists (select 1 from drafted_period d
                           where d.cycle_id = s.cycle_id and d.account_id = s.account_id))))

-- name: parties
select ap.account_id, ap.role, p.party_no, d.kind, d.name, d.nip, d.street, d.postcode, d.city
from account_party ap
join party p using (party_id)
join party_details d on d.party_id = p.party_id and d.valid @> cast(:issue_date as date)
where ap.valid @> cast(:issue_date as date)

-- name: contracts
-- Contracts in force in the period, and those that ended before it with days that nobody has billed. The class of the
-- issue date prices the whole bill, like the channel (group_switch = "issue_date"); an ended contract keeps its last.
select c.account_id, c.contract_id, c.point_id, c.contract_no, t.tariff_class, t.services,
       lower(c.valid) as contract_from, upper(c.valid) as contract_until, p.point_no, p.street, p.postcode, p.city
from contract c
join point p using (point_id)
join contract_terms t on t.contract_id = c.contract_id
                     and t.valid @> least(cast(:issue_date as date), upper(c.valid) - 1)
where c.valid && daterange(:start, :until)
   or (upper(c.valid) <= :start
       and exists (select 1 from installation i where i.point_id = c.point_id and i.installed_on < upper(c.valid) - 1)
       and not exists (select 1 from billed_day b
                       where b.account_id = c.account_id and b.point_id = c.point_id
                         and (upper(b.period) >= upper(c.valid)
                              or upper(b.period) = upper(c.valid) - 1
                                 and not exists (select 1 from reading r join installation i using (installation_id)
                                                 where i.point_id = c.point_id and r.read_on = upper(c.valid)
                                                   and r.state = 'VALID' and r.index_m3 is not null))))
order by c.account_id, p.point_no, lower(c.valid)

-- name: registers
-- Each register under each contract, with the reading that the contract is billed from and the newest usable one that
-- it may be billed to. From: its last billed reading, else the one of the handover (on the contract's first day, or for
-- want of it the day before), else the one at installation. To: the newest in the cycle's window; for a removed meter
-- only its removal reading; for a contract that has ended only a reading of its last day or the day after. A contract
-- that was billed up to its last day is billed for that day too when a reading of the next one came, unless the next
-- contract was billed for it already. One that ends within the period and is billed to its end stands with its last
-- reading: it uses nothing more, but may owe the standing charge.
with place as (
    select c.contract_id, c.point_id, lower(c.valid) as contract_from, upper(c.valid) as contract_until,
           i.installation_id, i.register, i.dials, i.decimals, i.installed_on, i.removed_on, m.meter_no
    from contract c
    join installation i on i.point_id = c.point_id
    join meter m using (meter_id)
    where c.contract_id = any(cast(:contract_ids as bigint[]))
      and i.installed_on < least(coalesce(upper(c.valid), 'infinity'), cast(:period_until as date))
      and coalesce(i.removed_on, 'infinity') >= lower(c.valid)
)
select place.contract_id, place.meter_no, place.register, place.dials, place.decimals, place.installed_on,
       place.removed_on,
       previous.reading_id as previous_id, previous.read_on as previous_on, previous.index_m3 as previous_m3,
       previous.source as previous_source, previous.quality as previous_quality,
       latest.reading_id as current_id, latest.read_on as current_on, latest.index_m3 as current_m3,
       latest.source as current_source, latest.quality as current_quality,
       missing.reason as missing_reason
from place
join lateral (
    select r.reading_id, r.read_on, r.read_at, r.index_m3, r.source, r.quality, b.billed
    from reading r
    cross join lateral (
        select exists (select 1 from charge_line l join invoice v using (charge_id)
                       where l.current_reading_id = r.reading_id)
               or exists (select 1 from drafted_period d where d.current_reading_id = r.reading_id) as billed) b
    where r.installation_id = place.installation_id and r.state = 'VALID' and r.index_m3 is not null
      and (place.contract_until is null or r.read_on <= place.contract_until)
      and (b.billed or r.source = 'exchange_install'
           or r.read_on between place.contract_from - 1 and place.contract_from)
    order by case when b.billed and r.read_on >= place.contract_from then 0
                  when r.read_on = place.contract_from then 1
                  when r.read_on = place.contract_from - 1 then 2
                  when r.source = 'exchange_install' and r.read_on >= place.contract_from then 3
                  else 4 end,
             r.read_on desc, r.read_at desc, r.reading_id desc
    limit 1
) previous on true
left join lateral (
    select r.reading_id, r.read_on, r.read_at, r.index_m3, r.source, r.quality
    from reading r
    where r.installation_id = place.installation_id and r.state = 'VALID' and r.index_m3 is not null
      and r.reading_id <> previous.reading_id
      and case
          when place.removed_on <= coalesce(place.contract_until, 'infinity')
              then r.source = 'exchange_removal' and r.read_on >= previous.read_on
          when place.contract_until <= cast(:period_until as date)
              then r.source <> 'exchange_removal' and r.read_at > previous.read_at
                   and r.read_on between place.contract_until - 1 and place.contract_until
                   and (r.read_on > previous.read_on or not previous.billed)
                   and not exists (select 1 from billed_day b
                                   where b.point_id = place.point_id and previous.billed
                                     and previous.read_on = place.contract_until - 1
                                     and b.period @> place.contract_until - 1)
          else r.source <> 'exchange_removal' and r.read_at > previous.read_at
               and r.read_on >= :window_start and r.read_on < :window_until
               and r.read_on <= coalesce(place.contract_until, 'infinity')
          end
    order by r.read_on desc, r.read_at desc, r.reading_id desc
    limit 1
) current on true
left join lateral (
    select case when r.state = 'SUSPECT' then 'suspect' else r.reason_code end as reason
    from reading r
    where r.installation_id = place.installation_id
      and (r.state = 'SUSPECT' or (r.quality = 'not_read' and current.reading_id is null))
      and r.read_at > coalesce(current.read_at, previous.read_at)
      and r.read_on >= :window_start and r.read_on < :window_until
    order by r.read_on desc, r.read_at desc, r.reading_id desc
    limit 1
) missing on true
cross join lateral (
    select previous.source = 'exchange_removal'
           or previous.billed and (previous.read_on >= coalesce(place.contract_until, 'infinity')
                                   or previous.read_on >= coalesce(place.contract_until, 'infinity') - 1
                                      and current.reading_id is null) as is_settled) settled
left join lateral (
    select current.* where current.reading_id is not null
    union all
    select previous.reading_id, previous.read_on, previous.read_at, previous.index_m3, previous.source, previous.quality
    where current.reading_id is null and settled.is_settled
) latest on true
where not (settled.is_settled and place.contract_until <= cast(:period_start as date))
  and not (place.removed_on is not null and previous.source = 'exchange_removal'
           and place.removed_on is distinct from place.contract_until)
order by place.contract_id, place.installed_on, place.meter_no, place.register

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
