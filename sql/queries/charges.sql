-- name: charges_of_chunk
-- Account by account: of a cycle that PostgreSQL has not counted yet it would go through all for each that is rated.
select s.account_id, c.sha256
from snapshot_account s
cross join lateral (select one.sha256 from charge one
                    where one.cycle_id = s.cycle_id and one.account_id = s.account_id offset 0) c
where s.cycle_id = :cycle_id and s.chunk_no = :chunk_no

-- name: holds_of_chunk
-- Account by account, as above.
select s.account_id, h.sha256
from snapshot_account s
cross join lateral (select one.sha256 from hold one
                    where one.cycle_id = s.cycle_id and one.account_id = s.account_id and one.stage = 'rate'
                    offset 0) h
where s.cycle_id = :cycle_id and s.chunk_no = :chunk_no

-- name: insert_charges
insert into charge (cycle_id, account_id, corrects_id, channel, net_zl, vat_zl, gross_zl, subsidy_net_zl,
                    subsidy_gross_zl, sha256)
select :cycle_id, account_id, corrects_id, channel, net_zl, vat_zl, gross_zl, subsidy_net_zl, subsidy_gross_zl, sha256
from unnest(cast(:account_ids as bigint[]), cast(:corrects_ids as bigint[]), cast(:channels as text[]),
            cast(:nets as numeric[]), cast(:vats as numeric[]), cast(:grosses as numeric[]),
            cast(:subsidies_net as numeric[]), cast(:subsidies_gross as numeric[]), cast(:sha256s as text[]))
     as given (account_id, corrects_id, channel, net_zl, vat_zl, gross_zl, subsidy_net_zl, subsidy_gross_zl, sha256)
returning account_id, corrects_id, charge_id

-- name: points_by_number
select point_no, point_id from point where point_no = any(:point_nos)

-- name: control_totals
-- What a person approves: every eligible account in exactly one of the three columns, and the sums; of corrections
-- what is owed less what was charged.
with charged as (
    select c.account_id, c.corrects_id, c.sha256, c.net_zl - coalesce(b.net_zl, 0) as net_zl,
           c.vat_zl - coalesce(b.vat_zl, 0) as vat_zl, c.gross_zl - coalesce(b.gross_zl, 0) as gross_zl
    from charge c
    left join correction_snapshot x on x.cycle_id = c.cycle_id and x.invoice_id = c.corrects_id
    left join charge b on b.charge_id = x.before_charge_id
    where c.cycle_id = :cycle_id
)
select (select count(*) from snapshot_account s where s.cycle_id = :cycle_id) as eligible,
       (select count(distinct account_id) from charged) as charged,
       (select count(*) from hold h where h.cycle_id = :cycle_id and not h.excluded) as held,
       (select count(*) from hold h where h.cycle_id = :cycle_id and h.excluded) as excluded,
       coalesce((select sum(net_zl) from charged), 0) as net_zl,
       coalesce((select sum(vat_zl) from charged), 0) as vat_zl,
       coalesce((select sum(gross_zl) from charged), 0) as gross_zl,
       (select encode(sha256(coalesce(string_agg(sha256, '' order by account_id, corrects_id), '')::bytea), 'hex')
        from charged) as charges_sha256

-- name: totals_by_service
-- Prognozy, and what settlements take off of them, stand apart from what was used.
select l.service || case l.origin when 'forecast' then ' (prognoza)' when 'settled_forecast' then ' (taken off)' else '' end
           as service,
       l.unit, count(*) as lines, sum(l.quantity) as quantity, sum(l.net_zl) as net_zl
from charge_line l
join charge c using (charge_id)
where c.cycle_id = :cycle_id
group by 1, l.unit
order by 1

-- name: totals_by_group
select l.tariff_group, c.channel, count(distinct c.charge_id) as charges, sum(l.net_zl) as net_zl
from charge_line l
join charge c using (charge_id)
where c.cycle_id = :cycle_id
group by l.tariff_group, c.channel
order by l.tariff_group, c.channel

-- name: holds_by_code
select code, excluded, count(*) as accounts
from hold
where cycle_id = :cycle_id
group by code, excluded
order by excluded, code

-- name: holds
select a.account_no, h.code, h.excluded, h.stage, h.facts
from hold h
join account a using (account_id)
where h.cycle_id = :cycle_id
order by h.excluded, h.code, a.account_no

-- name: drafts
select a.account_no, h.code, h.draft, s.content as snapshot
from hold h
join account a using (account_id)
join snapshot_account s using (cycle_id, account_id)
where h.cycle_id = :cycle_id and h.draft is not null
order by a.account_no

-- name: movers
-- The largest bills of the cycle beside the same account's bill before it.
select a.account_no, c.gross_zl,
       (select i.gross_zl from invoice i where i.account_id = c.account_id and i.kind <> 'correction'
        order by i.invoice_id desc limit 1)
           as previous_gross_zl
from charge c
join account a using (account_id)
where c.cycle_id = :cycle_id
order by c.gross_zl desc, a.account_no
limit :most

-- name: charges_to_issue
select c.charge_id, c.account_id, a.account_no, c.corrects_id, c.channel, c.net_zl, c.vat_zl, c.gross_zl,
       c.subsidy_net_zl, c.subsidy_gross_zl, c.sha256, s.content as snapshot, s.chunk_no,
       d.channel as channel_now, d.email as email_now, d.email_state as email_state_now,
       (select details.bank_account from account_details details
        where details.account_id = c.account_id and details.valid @> cast(:issue_date as date)) as bank_account_now,
       (select json_object_agg(h.role, json_build_object(
                   'party_no', p.party_no, 'kind', e.kind, 'name', e.name, 'nip', e.nip, 'address',
                   json_build_object('street', e.street, 'postcode', e.postcode, 'city', e.city)))
        from account_party h
        join party p using (party_id)
        join party_details e on e.party_id = h.party_id and e.valid @> cast(:issue_date as date)
        where h.account_id = c.account_id and h.valid @> cast(:issue_date as date)) as parties_now,
       (select json_object_agg(k.contract_no, json_build_object(
                   'until', upper(k.valid), 'tariff_class', t.tariff_class,
                   'services', (select json_agg(one order by one) from unnest(t.services) as one)))
        from contract k
        join contract_terms t on t.contract_id = k.contract_id
                             and t.valid @> least(cast(:issue_date as date), upper(k.valid) - 1)
        where k.account_id = c.account_id and not isempty(k.valid)) as contracts_now,
       (select json_object_agg(m.meter_no || ':' || i.register, i.removed_on)
        from (select current_reading_id from charge_line l where l.charge_id = c.charge_id
              union all
              select current_reading_id from charge_line_part l where l.charge_id = c.charge_id) l
        join reading r on r.reading_id = l.current_reading_id
        join installation i on i.installation_id = r.installation_id
        join meter m on m.meter_id = i.meter_id
        where i.removed_on <= r.read_on) as removals_now,
       (select json_object_agg(k.contract_no || ':' || q.service || ':' || lower(q.valid),
                               concat_ws(' ', q.basis, q.norm, q.persons, q.m3_month,
                                         case when upper(q.valid) <= upper(y.period) then upper(q.valid) end))
        from contract k
        join contract_quantity q using (contract_id)
        join cycle y on y.cycle_id = :cycle_id
        where k.account_id = c.account_id and not isempty(q.valid) and lower(q.valid) < upper(y.period))
           as quantities_now
from charge c
join account a using (account_id)
join snapshot_account s using (cycle_id, account_id)
cross join lateral (
    select * from agreed_delivery(cast(:issue_date as date)) of_all where of_all.account_id = c.account_id limit 1) d
where c.cycle_id = :cycle_id and s.chunk_no = :chunk_no
order by a.account_no, c.corrects_id

-- name: readings_decided
-- Readings of a chunk's charges that people decided about since the cycle was opened, or that a check has doubted, with
-- the index that counts now: none where the reading does not count any more.
with decided as materialized (
    select d.reading_id
    from reading_decision d
    where d.recorded_at >= (select y.recorded_at from cycle y where y.cycle_id = :cycle_id)
    union
    select r.reading_id from reading r where r.state = 'SUSPECT'
), named as (
    select d.reading_id, l.charge_id
    from decided d
    join reading r using (reading_id)
    join reading other using (installation_id)
    join charge_line l on l.current_reading_id = other.reading_id
    where d.reading_id in (l.previous_reading_id, l.current_reading_id)
    union
    select d.reading_id, p.charge_id
    from decided d
    join reading r using (reading_id)
    join reading other using (installation_id)
    join charge_line_part p on p.current_reading_id = other.reading_id
    where d.reading_id in (p.previous_reading_id, p.current_reading_id)
)
select c.account_id, n.reading_id, case when n.is_usable then n.index_m3 end as index_m3
from named
join charge c using (charge_id)
join snapshot_account s using (cycle_id, account_id)
join reading_now n using (reading_id)
where c.cycle_id = :cycle_id and s.chunk_no = :chunk_no
order by c.account_id, n.reading_id

-- name: lines_of_chunk
select l.charge_id, l.line_no, p.point_no, l.service, l.description, lower(l.period) as period_start,
       upper(l.period) as period_until, l.meter_no, l.previous_reading_id, l.current_reading_id,
       l.previous_index_m3, l.current_index_m3, l.quantity, l.unit, l.price_zl, l.net_zl, l.vat_rate,
       l.tariff_group, l.tariff_sha256, l.basis, l.gmina, l.subsidy_mode, l.subsidy_zl_m3, l.subsidy_zl,
       l.subsidy_basis, l.origin, l.row_no, l.share_days, l.share_of_days, l.share_of_m3, l.share_after_days,
       l.block_from_m3, l.block_until_m3, l.indicator, l.indicator_measured, l.indicator_permitted,
       l.terms_norm, l.terms_persons, l.terms_m3_month,
       d.share_id, front.point_no as front_point_no, d.of_m3, d.before_m3, d.own_m3, d.all_m3,
       l.extra_service_id, l.surface, l.area_m2, l.m3_per_m2_year, l.forecast_line_id, l.forecast_document
from charge_line l
join charge c using (charge_id)
join snapshot_account s using (cycle_id, account_id)
left join point p using (point_id)
left join difference_share d on d.share_id = l.difference_share_id
left join point front on front.point_id = d.point_id
where c.cycle_id = :cycle_id and s.chunk_no = :chunk_no
order by l.charge_id, l.line_no

-- name: parts_of_chunk
select p.charge_id, p.line_no, p.meter_no, p.purpose, p.previous_reading_id, p.current_reading_id, p.previous_index_m3,
       p.current_index_m3, p.volume_m3, p.percent, p.lapsed_on, lower(p.billed) as billed_from,
       upper(p.billed) as billed_until,       previous.read_on as read_from, current.read_on as read_until
from charge_line_part p
join reading previous on previous.reading_id = p.previous_reading_id
join reading current on current.reading_id = p.current_reading_id
join charge c using (charge_id)
join snapshot_account s using (cycle_id, account_id)
where c.cycle_id = :cycle_id and s.chunk_no = :chunk_no
order by p.charge_id, p.line_no, p.part_no

-- name: used_before
-- Water of the newest periods that each account of a chunk was billed for, as corrected since, oldest first.
select account_id, lower(period) as start, upper(period) as until, volume_m3
from (select o.account_id, y.period, sum(l.quantity) as volume_m3,
             row_number() over (partition by o.account_id order by lower(y.period) desc) as place
      from snapshot_account s
      join invoice o on o.account_id = s.account_id and o.kind in ('regular', 'final', 'settlement')
      join cycle y on y.cycle_id = o.cycle_id and y.issue_date > cast(:issue_date as date) - interval '27 months'
      join charge_in_force f on f.original_id = o.invoice_id
      join charge_line l on l.charge_id = f.charge_id
      where s.cycle_id = :cycle_id and s.chunk_no = :chunk_no and l.service = 'water'
        and coalesce(l.origin, '') not in ('forecast', 'settled_forecast')
      group by o.account_id, y.period) p
where place <= :most
order by account_id, lower(period)
