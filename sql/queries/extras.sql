-- name: surfaces
-- Surfaces of the points under these contracts, and up to which day their stormwater is charged.
select c.contract_id, s.surface, s.area_m2, s.item_code, lower(s.valid) as valid_from, upper(s.valid) as valid_until,
       (select max(upper(b.period)) from billed_day b
        where b.point_id = c.point_id and b.service = 'stormwater' and b.period && c.valid) as billed_until
from contract c
join stormwater_area s using (point_id)
where c.contract_id = any(cast(:contract_ids as bigint[])) and s.valid && c.valid and lower(s.valid) < :until
order by c.contract_id, s.surface, lower(s.valid)

-- name: excesses
-- Faults of sewage that are not charged to their end, and up to which day any of the point is charged. A fault that was
-- found under another contract is not this customer's.
select c.contract_id, x.indicator, x.measured, x.permitted, lower(x.valid) as sampled_on, upper(x.valid) as cleared_on,
       x.report_no, charged.until as charged_until
from contract c
join sewage_excess x using (point_id)
cross join lateral (
    select max(upper(b.period)) as until from billed_day b where b.point_id = c.point_id and b.service = 'excess') charged
where c.contract_id = any(cast(:contract_ids as bigint[])) and c.valid @> lower(x.valid)
  and coalesce(upper(x.valid), 'infinity') > coalesce(charged.until, '-infinity')
order by c.contract_id, x.indicator, lower(x.valid)

-- name: sewage_billed
-- Sewage of these contracts that was charged in days of a fault, and whose excess was not.
select distinct c.contract_id, m.document, lower(m.period) as period_start, upper(m.period) as period_until, m.row_no,
       m.quantity, m.price_zl, m.tariff_group, m.tariff_sha256
from contract c
join sewage_excess x on x.point_id = c.point_id and c.valid @> lower(x.valid)
join metered_line m on m.point_id = c.point_id and m.account_id = c.account_id and m.service = 'sewage'
                   and m.period && x.valid
where c.contract_id = any(cast(:contract_ids as bigint[]))
  and m.period && c.valid
  and upper(m.period) > coalesce((select max(upper(b.period)) from billed_day b
                                  where b.point_id = c.point_id and b.service = 'excess'), '-infinity')
order by c.contract_id, lower(m.period), m.row_no

-- name: orders
-- Services that were done by the issue date, are not cancelled and stand on no document.
select e.account_id, e.extra_service_id, e.item_code, e.quantity, e.performed_on, p.point_no
from extra_service e
left join point p using (point_id)
where e.account_id = any(cast(:account_ids as bigint[])) and e.performed_on <= :issue_date
  and not exists (select 1 from extra_service_cancelled c where c.extra_service_id = e.extra_service_id)
  and not exists (select 1 from extra_service_billed b where b.extra_service_id = e.extra_service_id)
order by e.account_id, e.performed_on, e.extra_service_id

-- name: forecasts
-- The forecast terms of these contracts on the last day of the period, or terms that have ended with something charged and
-- not settled; the first month that is neither forecast nor settled, and the first one since the last settlement. A month
-- that was forecast for another customer, whose end was recorded late, is left to the settlement. Of contracts of one
-- account at a point that follow each other, the one with terms that was the last to begin before a line takes it off.
-- Few contracts have terms: they are found first.
with termed as materialized (
    select c.contract_id, c.account_id, c.point_id, lower(c.valid) as contract_from, t.*
    from contract c
    join lateral (
        select f.basis, f.settle_every_months, f.water_m3_month, f.sewage_m3_month, f.payment_day, lower(f.valid) as begins_on,
               f.valid @> cast(:until as date) - 1 as in_force
        from forecast_terms f
        where f.contract_id = c.contract_id and not isempty(f.valid) and lower(f.valid) < :until
        order by lower(f.valid) desc limit 1
    ) t on true
    where c.contract_id = any(cast(:contract_ids as bigint[]))
)
select t.contract_id, t.basis, case when t.in_force then t.settle_every_months else 0 end as settle_every_months,
       t.water_m3_month, t.sewage_m3_month, t.payment_day, greatest(first.open_month, anybody.until) as start,
       coalesce(forecast.unsettled_from, first.open_month) as settled_from,
       forecast.charged, mean.water_m3, mean.water_days, mean.sewage_m3, mean.sewage_days
from termed t
cross join lateral (
    select max(upper(l.period)) as until, min(lower(l.period)) filter (where s.forecast_line_id is null) as unsettled_from,
           coalesce(json_agg(json_build_object('forecast_line_id', l.forecast_line_id, 'document', l.document,
                                               'content', l.content) order by l.forecast_line_id)
                    filter (where s.forecast_line_id is null), '[]') as charged
    from forecast_line l
    left join forecast_settled s using (forecast_line_id)
    where l.point_id = t.point_id and l.account_id = t.account_id and lower(l.period) >= t.contract_from
      and not exists (select 1 from contract o join forecast_terms later using (contract_id)
                      where o.point_id = t.point_id and o.account_id = t.account_id
                        and lower(o.valid) > t.contract_from and lower(o.valid) <= lower(l.period))
) forecast
cross join lateral (select max(upper(l.period)) as until from forecast_line l where l.point_id = t.point_id) anybody
cross join lateral (
    select max(m.cycle_id) as cycle_id, max(upper(y.period)) as until
    from metered_line m join cycle y using (cycle_id)
    where m.point_id = t.point_id and m.account_id = t.account_id
) settled
cross join lateral (
    select greatest(t.begins_on, t.contract_from, forecast.until, settled.until) as open_month) first
cross join lateral (
    select sum(m.quantity) filter (where m.service = 'water') as water_m3,
           sum(upper(m.period) - lower(m.period)) filter (where m.service = 'water' and m.row_no = 1) as water_days,
           sum(m.quantity) filter (where m.service = 'sewage') as sewage_m3,
           sum(upper(m.period) - lower(m.period)) filter (where m.service = 'sewage' and m.row_no = 1) as sewage_days
    from metered_line m
    where m.point_id = t.point_id and m.account_id = t.account_id and m.cycle_id = settled.cycle_id
) mean
where t.in_force or forecast.unsettled_from is not null

-- name: insert_services_billed
-- The services that the cycle's invoices and drafts for KSeF charge for.
insert into extra_service_billed (extra_service_id, cycle_id, account_id, invoice_id)
select l.extra_service_id, v.cycle_id, v.account_id, v.invoice_id
from invoice v
join charge_line l using (charge_id)
where v.cycle_id = :cycle_id and l.extra_service_id is not null
union all
select cast(line ->> 'extra_service_id' as bigint), h.cycle_id, h.account_id, null
from hold h
cross join lateral jsonb_array_elements(cast(h.draft as jsonb) -> 'lines') as line
where h.cycle_id = :cycle_id and h.draft like '%"extra_service_id"%' and line ->> 'extra_service_id' is not null

-- name: insert_forecast_lines
-- What the cycle's prognozy charge, from its invoices and from its drafts for KSeF.
insert into forecast_line (cycle_id, account_id, line_no, invoice_id, document, point_id, service, row_no, period, content)
select issued.cycle_id, issued.account_id, issued.line_no, issued.invoice_id, issued.document, p.point_id,
       line ->> 'service', coalesce(cast(line ->> 'row_no' as smallint), 1),
       daterange(cast(line #>> '{period,start}' as date), cast(line #>> '{period,until}' as date)), cast(line as text)
from (
    select v.cycle_id, v.account_id, v.invoice_id, v.invoice_no as document, l.line_no, l.line
    from invoice v
    cross join lateral jsonb_array_elements(cast(v.content as jsonb) -> 'lines') with ordinality as l (line, line_no)
    where v.cycle_id = :cycle_id and v.kind in ('forecast', 'settlement', 'final')
    union all
    select h.cycle_id, h.account_id, null, y.cycle_key, l.line_no, l.line
    from hold h
    join cycle y using (cycle_id)
    cross join lateral jsonb_array_elements(cast(h.draft as jsonb) -> 'lines') with ordinality as l (line, line_no)
    where h.cycle_id = :cycle_id and h.draft like '%"forecast"%'
) issued
join point p on p.point_no = issued.line ->> 'point_no'
where line ->> 'origin' = 'forecast'
order by issued.account_id, issued.line_no

-- name: insert_forecasts_settled
insert into forecast_settled (forecast_line_id, cycle_id, account_id, line_no, invoice_id)
select l.forecast_line_id, v.cycle_id, v.account_id, l.line_no, v.invoice_id
from invoice v
join charge_line l using (charge_id)
where v.cycle_id = :cycle_id and l.forecast_line_id is not null
union all
select cast(line #>> '{settles,forecast_line_id}' as bigint), h.cycle_id, h.account_id, line_no, null
from hold h
cross join lateral jsonb_array_elements(cast(h.draft as jsonb) -> 'lines') with ordinality as l (line, line_no)
where h.cycle_id = :cycle_id and h.draft like '%"settles"%' and line #>> '{settles,forecast_line_id}' is not null
