-- name: eligible_accounts
-- Every account of the routes, of the off-cycle, or named, with the channel agreed for the issue date, the address known for
-- it, the day from which the standing charge is owed and the months of it that were waived, and the day on which payer
-- or nabywca last changed.
select a.account_id, a.account_no, details.bank_account, d.channel, d.consent_id, d.email, d.email_state, o.standing_from,
       array(select cast(month as date)
             from unnest(o.waived) as given_up
             cross join generate_series(cast(lower(given_up) as timestamp), upper(given_up) - interval '1 day',
                                        interval '1 month') as month
             where month >= date_trunc('month', cast(o.standing_from as timestamp))
             order by month) as waived_months,
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
cross join lateral standing_owed(a.account_id, null, :start) o
where (not :off_cycle and (:all_routes or details.route = any(:routes)))
   or (:off_cycle and a.account_id in (select x.account_id from cycle_account x where x.cycle_id = :cycle_id))
   or a.account_id = any(cast(:named as bigint[]))
order by a.account_no

-- name: count_eligible
select count(*) from account_details a
where a.valid @> cast(:issue_date as date)
  and (not :off_cycle and (:all_routes or a.route = any(:routes))
       or :off_cycle and a.account_id in (select x.account_id from cycle_account x where x.cycle_id = :cycle_id))

-- name: accounts_in_other_cycles
-- Accounts that another cycle has in work, or has invoiced up to the end of these months. What a correction leaves is
-- not known before it is issued, unless it is one of prices. A bill of single accounts may
-- follow an invoice: it goes on from there. After a final one only what it left, or a new contract, is billed.
select distinct s.account_id, c.cycle_key
from snapshot_account s
join cycle c using (cycle_id)
where c.cycle_id <> :cycle_id and not c.dry_run
  and ((c.state in ('opened', 'frozen', 'checked', 'approved')
        and not exists (select 1 from correction_run x where x.cycle_id = c.cycle_id and x.cause = 'prices')
        and not exists (select 1 from hold h where h.cycle_id = s.cycle_id and h.account_id = s.account_id
                                               and h.stage = 'freeze'))
       or (not :off_cycle and c.state in ('issued', 'closed') and c.purpose is distinct from 'final'
           and c.kind <> 'correction' and upper(c.period) >= :until
           and (c.reversed_by is null
                and exists (select 1 from invoice i where i.cycle_id = s.cycle_id and i.account_id = s.account_id)
                or exists (select 1 from drafted_period d
                           where d.cycle_id = s.cycle_id and d.account_id = s.account_id))))

-- name: parties
select ap.account_id, ap.role, p.party_no, d.kind, d.name, d.nip, d.street, d.postcode, d.city
from account_party ap
join party p using (party_id)
join party_details d on d.party_id = p.party_id and d.valid @> cast(:issue_date as date)
where ap.valid @> cast(:issue_date as date) and (not :only_named or ap.account_id = any(cast(:named as bigint[])))

-- name: contracts
-- Contracts in force in the period, and those that ended before it with days that nobody has billed. A contract that is
-- settled (it has ended, and its water is billed to the end or was waived) is here as long as it owes a standing charge,
-- or a prognoza of it is to be taken off.
-- The class of the issue date prices the whole bill, like the channel (group_switch = "issue_date"); an ended contract
-- keeps its last.
select c.account_id, c.contract_id, c.point_id, c.contract_no, t.tariff_class, t.services,
       lower(c.valid) as contract_from, upper(c.valid) as contract_until, p.point_no, p.street, p.postcode, p.city,
       (select count(*) from point behind where behind.parent_point_id = p.point_id) as points_behind, lies.gmina,
       ended.is_settled, others.periods as other_contracts, given.quantities as unmetered, t.difference,
       case per.standing_per when 'point' then
           (select o.standing_from from standing_owed(c.account_id, c.point_id, :start) o) end as standing_from
from contract c
join point p using (point_id)
left join point_gmina lies using (point_id)
cross join lateral (  -- one row by its limit: the planner takes "contains a day" for so rare that it loops over all points
    select tariff_class, services, difference from contract_terms
    where contract_id = c.contract_id and valid @> least(cast(:issue_date as date), upper(c.valid) - 1) limit 1) t
cross join (select coalesce((select g.standing_per from cycle_group g
                             where g.cycle_id = :cycle_id and g.tariff_from <= :issue_date
                             order by g.tariff_from desc limit 1), 'recipient') as standing_per) per
cross join lateral (
    select upper(c.valid) is not null
           and (exists (select 1 from billed_day b
                        where b.account_id = c.account_id and b.point_id = c.point_id
                          and (b.service in ('water', 'sewage') or not t.services && array['water', 'sewage'])
                          and (upper(b.period) >= upper(c.valid)
                               or upper(b.period) = upper(c.valid) - 1
                                  and not exists (select 1 from reading_now r join installation i using (installation_id)
                                                  where i.point_id = c.point_id and r.read_on = upper(c.valid)
                                                    and r.is_usable)))
                or exists (select 1 from waived_days w where w.contract_id = c.contract_id)) as is_settled) ended
left join lateral (
    select json_agg(json_build_object('start', lower(o.valid), 'until', upper(o.valid)) order by o.valid) as periods
    from contract o
    where o.point_id = c.point_id and o.contract_id <> c.contract_id and not isempty(o.valid)
) others on true
left join lateral (
    select json_agg(json_build_object(
               'service', q.service, 'basis', q.basis, 'norm', q.norm, 'persons', q.persons,
               'm3_month', q.m3_month::text, 'valid_from', lower(q.valid),
               'valid_until', case when upper(q.valid) <= :until then upper(q.valid) end,
               'billed_until', (select max(upper(b.period)) from billed_day b
                                where b.point_id = c.point_id and b.service = q.service
                                  and lower(b.period) < coalesce(upper(c.valid), 'infinity'))
           ) order by q.service, lower(q.valid)) as quantities
    from contract_quantity q
    where q.contract_id = c.contract_id and not isempty(q.valid) and lower(q.valid) < :until
) given on true
where lower(c.valid) < :until and (not :only_named or c.account_id = any(cast(:named as bigint[])))
  and (case
      when not ended.is_settled then
          upper(c.valid) is null or upper(c.valid) > :start
          or exists (select 1 from installation i
                     where i.point_id = c.point_id and i.installed_on < upper(c.valid) - 1)
          or given.quantities is not null
      else exists (
          select 1
          from standing_owed(c.account_id, case per.standing_per when 'point' then c.point_id end, :start) o
          where not isempty(datemultirange(c.valid * daterange(null, :until) * daterange(o.standing_from, null))
                            - coalesce(o.waived, '{}')))
      end
      or exists (
          select 1 from forecast_line l
          where l.point_id = c.point_id and l.account_id = c.account_id and lower(l.period) >= lower(c.valid)
            and not exists (select 1 from forecast_settled s where s.forecast_line_id = l.forecast_line_id)
            and not exists (select 1 from contract o join forecast_terms later using (contract_id)
                            where o.point_id = c.point_id and o.account_id = c.account_id
                              and lower(o.valid) > lower(c.valid) and lower(o.valid) <= lower(l.period)))
      or exists (select 1 from difference_open d where d.contract_id = c.contract_id)
      or exists (select 1 from difference_share d where d.contract_id = c.contract_id and d.cycle_id = :cycle_id)
      or exists (select 1 from stormwater_day d
                 where d.contract_id = c.contract_id
                   and not isempty(d.days * datemultirange(daterange(null, :until)) - d.billed)))
order by c.account_id, p.point_no, lower(c.valid)

-- name: accounts_in_front
select distinct c.account_id from contract c
where c.point_id in (select behind.parent_point_id from point behind where behind.parent_point_id is not null)

-- name: fronts
-- Contracts on points with others behind them, of accounts of the cycle that no other cycle has.
select c.contract_id
from contract c
join account_details details on details.account_id = c.account_id and details.valid @> cast(:issue_date as date)
where c.contract_id = any(cast(:contract_ids as bigint[])) and not :off_cycle
  and (:all_routes or details.route = any(:routes))
  and not c.account_id = any(cast(:taken as bigint[]))
  and exists (select 1 from point behind where behind.parent_point_id = c.point_id)

-- name: difference_shares
-- Shares of these contracts that this cycle settles, or that an issued one did and nobody has billed.
select s.share_id, s.contract_id, front.point_no as front_point_no, s.service, lower(s.period) as period_start,
       upper(s.period) as period_until, s.of_m3, s.before_m3, s.own_m3, s.all_m3, s.volume_m3
from (select * from difference_open
      union
      select * from difference_share where cycle_id = :cycle_id and volume_m3 > 0) s
join point front on front.point_id = s.point_id
where s.contract_id = any(cast(:contract_ids as bigint[]))
order by s.contract_id, lower(s.period), s.service, s.share_id

-- name: insert_difference
insert into difference_settled (cycle_id, point_id, period)
select :cycle_id, c.point_id, daterange(:start, :until) from contract c where c.contract_id = :contract_id

-- name: insert_difference_index
insert into difference_index (cycle_id, point_id, reading_id, index_m3)
select :cycle_id, c.point_id, :reading_id, :index_m3 from contract c where c.contract_id = :contract_id

-- name: insert_difference_share
insert into difference_share (cycle_id, point_id, contract_id, service, period, of_m3, before_m3, own_m3, all_m3, volume_m3)
select :cycle_id, c.point_id, behind.contract_id, :service, daterange(:start, :until), :of_m3, :before_m3, :own_m3, :all_m3,
       :volume_m3
from contract c
join contract behind on behind.contract_no = :contract_no
where c.contract_id = :contract_id

-- name: behind
-- The contracts on the nearest points with meters behind the point of each contract, that may have used water since the
-- point in front was last billed.
select b.contract_id, b.behind_id, p.point_no, c.contract_no, b.contract_from, b.contract_until, t.services,
       (select json_agg(json_build_object('start', lower(o.valid), 'until', upper(o.valid)) order by o.valid)
        from contract o
        where o.point_id = c.point_id and o.contract_id <> c.contract_id and not isempty(o.valid)) as other_contracts
from tenures(cast(:contract_ids as bigint[])) b
join contract c on c.contract_id = b.behind_id
join point p on p.point_id = c.point_id
join contract_terms t on t.contract_id = c.contract_id
                     and t.valid @> least(cast(:issue_date as date), upper(c.valid) - 1)
where b.behind_id is not null
order by b.contract_id, p.point_no, b.contract_from

-- name: registers
-- Each register under each contract, with the reading that the contract is billed from and the newest usable one that
-- it may be billed to. From: its last billed reading, else the one of the handover (on the contract's first day, or for
-- want of it the day before), else the one at installation. What the old system billed up to counts as billed; a meter
-- that went before that needs no bill of ours. To: the newest in the cycle's window; for a removed meter only its removal
-- reading; for a contract that has ended by the closing day only a reading of its last day or the day after. A contract
-- that was billed up to its last day is billed for that day too when a reading of the next one came, unless the next
-- contract was billed for it already. One that ends within the period and is billed to its end stands with its last
-- reading: it uses nothing more, but may owe the standing charge.
-- Where another contract came before or follows and nobody read the meter on that day: from the last reading before it,
-- to the first one after it. Known: readings in between, of days on which a price begins, and those nearest to a
-- contract's first or last day.
-- The main registers of points behind a point stand under the contract in front too, from what it was billed up to.
with shared as materialized (
    select point_id, range_agg(valid) as days from contract where not isempty(valid)
    group by point_id having count(*) > 1
), place as (
    select t.contract_id, t.behind_id, t.point_id, t.front_point_id, t.contract_from, t.contract_until,
           i.installation_id, i.register, i.dials, i.decimals, i.installed_on, i.removed_on, i.purpose, i.water_percent,
           i.sewage_percent, i.legalised_until, i.diameter_mm, m.meter_no,
           coalesce(shared.days @> t.contract_from - 1, false) as has_before,
           coalesce(shared.days @> t.contract_until, false) as has_after
    from tenures(cast(:contract_ids as bigint[])) t
    join installation i on i.point_id = t.point_id
    join meter m using (meter_id)
    left join shared on shared.point_id = t.point_id
    where i.installed_on < least(coalesce(t.contract_until, 'infinity'), cast(:closing_day as date))
      and coalesce(i.removed_on, 'infinity') >= t.contract_from
      and (t.behind_id is null
           or i.purpose = 'main' and coalesce(i.removed_on, 'infinity') > coalesce(t.billed_until, '-infinity'))
      and not (i.removed_on is not null
               and not exists (select 1 from opening_position o
                               where o.installation_id = i.installation_id and o.replaced_at is null)
               and exists (select 1 from point_settled s
                           where s.point_id = i.point_id and upper(s.days) >= i.removed_on))
)
select place.contract_id, place.behind_id, place.meter_no, place.register, place.dials, place.decimals,
       place.installed_on, place.removed_on, place.purpose, place.water_percent, place.sewage_percent,
       place.legalised_until, place.diameter_mm,
       previous.reading_id as previous_id, previous.read_on as previous_on, previous.index_m3 as previous_m3,
       previous.source as previous_source, previous.quality as previous_quality,
       case when previous.billed_m3 <> trunc(previous.index_m3, place.decimals) then previous.billed_m3 end
           as previous_billed_m3,
       latest.reading_id as current_id, latest.read_on as current_on, latest.index_m3 as current_m3,
       latest.source as current_source, latest.quality as current_quality,
       missing.reason as missing_reason, coalesce(known.readings, '[]') as known
from place
join lateral (
    select r.reading_id, r.read_on, r.read_at, r.index_m3, r.source, r.quality, b.billed, b.billed_m3
    from reading_now r
    cross join lateral (
        select count(u.reading_id) > 0
               or exists (select 1 from opening_position o
                          where o.reading_id = r.reading_id and o.replaced_at is null) as billed,
               max(u.index_m3) as billed_m3
        from reading_billed u
        where u.reading_id = r.reading_id and u.point_id = place.front_point_id) b
    where r.installation_id = place.installation_id and (r.is_usable or b.billed)
      and (place.contract_until is null or r.read_on <= place.contract_until)
      and (b.billed or r.source <> 'cutover')
      and (b.billed or r.source = 'exchange_install'
           or r.read_on between place.contract_from - 1 and place.contract_from
           or r.read_on < place.contract_from and place.has_before)
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
    from reading_now r
    where r.installation_id = place.installation_id and r.is_usable
      and r.reading_id <> previous.reading_id and r.source <> 'cutover'
      and case
          when place.removed_on <= coalesce(place.contract_until, 'infinity')
              then r.source = 'exchange_removal' and r.read_on >= previous.read_on
          when place.contract_until <= cast(:closing_day as date) and r.read_on > place.contract_until
              then place.has_after and r.read_on < :window_until
                   and not (previous.billed and previous.read_on >= place.contract_until - 1)
          when place.contract_until <= cast(:closing_day as date)
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
    order by coalesce(r.read_on > place.contract_until, false),
             case when r.read_on > place.contract_until then r.read_on end,
             r.read_on desc, r.read_at desc, r.reading_id desc
    limit 1
) current on true
left join lateral (
    select case when r.state = 'SUSPECT' then 'suspect' else r.reason_code end as reason
    from reading_now r
    where r.installation_id = place.installation_id
      and (r.state = 'SUSPECT' or (r.quality = 'not_read' and r.state = 'VALID' and current.reading_id is null))
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
left join lateral (
    select json_agg(json_build_object('reading_id', d.reading_id, 'read_on', d.read_on, 'index_m3', d.index_m3::text,
                                      'source', d.source, 'quality', d.quality) order by d.read_on) as readings
    from (
        select distinct on (r.read_on) r.reading_id, r.read_on, r.index_m3, r.source, r.quality
        from reading_now r
        where r.installation_id = place.installation_id and r.is_usable and r.quality in ('actual', 'customer')
          and r.read_on = any(cast(:cut_days as date[])) and r.read_on > previous.read_on
          and r.read_on < latest.read_on
        order by r.read_on, r.read_at desc, r.reading_id desc
    ) d
) cut on true
left join lateral (
    select (select json_agg(json_build_object('reading_id', r.reading_id, 'read_on', r.read_on,
                                              'index_m3', r.index_m3::text, 'source', r.source, 'quality', r.quality))
            from reading_now r
            where r.reading_id in (
                (select n.reading_id from reading_now n
                 where n.installation_id = place.installation_id and n.is_usable and n.source <> 'cutover'
                   and previous.read_on < place.contract_from - 1 and n.read_on > place.contract_from
                   and n.read_on < latest.read_on
                 order by n.read_on, n.read_at desc, n.reading_id desc limit 1),
                (select n.reading_id from reading_now n
                 where n.installation_id = place.installation_id and n.is_usable and n.source <> 'cutover'
                   and latest.read_on > place.contract_until and n.read_on <= place.contract_until
                   and n.read_on > previous.read_on
                 order by n.read_on desc, n.read_at desc, n.reading_id desc limit 1))) as readings
    where previous.read_on < place.contract_from - 1 or latest.read_on > place.contract_until
) edge on true
cross join lateral (
    select (select json_agg(one order by one ->> 'read_on')
            from (select distinct on (one ->> 'read_on') one
                  from (select json_array_elements(cut.readings) as one, 1 as rank
                        union all select json_array_elements(edge.readings), 0) every
                  order by one ->> 'read_on', rank) chosen) as readings
    where cut.readings is not null or edge.readings is not null
    union all
    select null where cut.readings is null and edge.readings is null
) known
where not (settled.is_settled and place.contract_until <= cast(:period_start as date))
  and not (place.removed_on is not null and previous.source = 'exchange_removal'
           and place.removed_on is distinct from place.contract_until)
order by place.contract_id, place.behind_id nulls first, place.installed_on, place.meter_no, place.register

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
