-- name: figures
-- The cycle as a ledger: what must equal what. A correction counts as what is owed less what was charged.
with written as materialized (
    select i.invoice_id, i.charge_id, x.before_charge_id
    from invoice i
    left join correction_snapshot x on x.cycle_id = i.cycle_id and x.invoice_id = i.corrects_id
    where i.cycle_id = :cycle_id
), signed as (
    select charge_id, 1 as sign from written
    union all
    select before_charge_id, -1 from written where before_charge_id is not null
), lines as (
    select sum(g.sign * l.net_zl) as net_zl,
           sum(g.sign * l.subsidy_zl) filter (where l.subsidy_mode = 'net') as subsidy_net_zl,
           sum(g.sign * l.subsidy_zl) filter (where l.subsidy_mode = 'gross') as subsidy_gross_zl
    from signed g
    join charge_line l using (charge_id)
), charged as materialized (
    select c.account_id, c.gross_zl - coalesce(b.gross_zl, 0) as gross_zl,
           exists (select 1 from hold h where h.cycle_id = c.cycle_id and h.account_id = c.account_id) as is_held
    from charge c
    left join correction_snapshot x on x.cycle_id = c.cycle_id and x.invoice_id = c.corrects_id
    left join charge b on b.charge_id = x.before_charge_id
    where c.cycle_id = :cycle_id
)
select
    (select count(*) from snapshot_account s where s.cycle_id = :cycle_id) as eligible,
    (select count(*) from hold h where h.cycle_id = :cycle_id and not h.excluded) as held,
    (select count(*) from hold h where h.cycle_id = :cycle_id and h.excluded) as excluded,
    (select count(distinct account_id) from charged) as charged,
    (select count(*) from charged where not is_held) as charges_to_issue,
    (select count(distinct i.account_id) from invoice i where i.cycle_id = :cycle_id) as invoiced,
    (select count(*) from invoice i where i.cycle_id = :cycle_id) as invoices,
    (select count(*) from correction_invoice x where x.cycle_id = :cycle_id) as looked_at,
    (select count(*) from document d join invoice i using (invoice_id)
     where i.cycle_id = :cycle_id and d.kind = 'invoice') as documents,
    (select count(*) from invoice i where i.cycle_id = :cycle_id
     and exists (select 1 from delivery d where d.invoice_id = i.invoice_id)) as invoices_with_delivery,
    coalesce((select sum(gross_zl) from charged where not is_held), 0) as charged_gross_zl,
    -- by the model that the cycle was rated with: of lines in grosze, or of sums of each rate that were rounded
    case coalesce((select m.value from cycle_model m where m.cycle_id = :cycle_id and m.name = 'line_rounding'),
                  'each_line')
        when 'each_line' then coalesce((select net_zl from lines), 0)
        else coalesce((select sum(r.sign * r.net_zl) from (
                           select g.sign,
                                  round(sum(l.quantity * l.price_zl
                                            * case when l.indicator is null then 1
                                                   else (l.indicator_measured - l.indicator_permitted)
                                                        / l.indicator_permitted end), 2) as net_zl
                           from signed g
                           join charge_line l using (charge_id)
                           group by g.sign, l.charge_id, l.vat_rate) r), 0)
    end as lines_net_zl,
    coalesce((select sum(i.net_zl) from invoice i where i.cycle_id = :cycle_id), 0) as invoices_net_zl,
    coalesce((select sum(i.vat_zl) from invoice i where i.cycle_id = :cycle_id), 0) as invoices_vat_zl,
    coalesce((select sum(i.gross_zl) from invoice i where i.cycle_id = :cycle_id), 0) as invoices_gross_zl,
    coalesce((select subsidy_net_zl from lines), 0) as lines_subsidy_net_zl,
    coalesce((select subsidy_gross_zl from lines), 0) as lines_subsidy_gross_zl,
    coalesce((select sum(i.subsidy_net_zl) from invoice i where i.cycle_id = :cycle_id), 0)
        as invoices_subsidy_net_zl,
    coalesce((select sum(i.subsidy_gross_zl) from invoice i where i.cycle_id = :cycle_id), 0)
        as invoices_subsidy_gross_zl,
    coalesce((select sum(i.payable_zl) from invoice i where i.cycle_id = :cycle_id), 0) as invoices_payable_zl,
    -- over all invoices of the series, so that one lost from an earlier cycle is missed as well
    (select count(*) from (
        select i.series from invoice i
        where i.series in (select series from invoice where cycle_id = :cycle_id)
        group by i.series
        having max(i.sequence) - coalesce((select o.last_number from opening_series o
                                           where o.series = i.series and o.replaced_at is null), 0) <> count(*)) gaps)
        as series_with_gaps,
    (select min(i.invoice_no) from invoice i where i.cycle_id = :cycle_id) as first_no,
    (select max(i.invoice_no) from invoice i where i.cycle_id = :cycle_id) as last_no

-- name: deliveries_open
-- Invoices whose delivery has not come to an end, and why not.
select i.invoice_no, d.channel, d.state, d.not_before, d.deadline
from delivery d
join invoice i using (invoice_id)
where i.cycle_id = :cycle_id and d.purpose = 'invoice'
  and d.state not in ('accepted', 'delivered', 'settled', 'packaged', 'sent', 'cancelled')
  and not (d.channel = 'email' and d.state in ('rejected', 'bounced')
           and exists (select 1 from delivery p where p.invoice_id = d.invoice_id and p.channel = 'paper'))
order by i.sequence

-- name: forgotten_days
-- Completeness: each contract-point-service day up to the cycle's end that is neither billed nor explained. A day is
-- explained by a hold or exclusion of the account in this cycle, by having been waived, or by lying after the newest
-- billed reading (it waits for the next one). What was wanted is told by the registry as it was known when the cycle was
-- frozen: what somebody recorded or ended since is the next cycle's.
with frozen as (
    select y.cycle_id, y.kind, y.route_set, y.period, y.issue_date,
           coalesce((select min(s.started_at) from step_run s where s.cycle_id = y.cycle_id and s.step = 'freeze'),
                    'infinity') as at
    from cycle y
    where y.cycle_id = :cycle_id and y.reversed_by is null
), known as (
    select c.contract_id, c.account_id, c.point_id,
           case when c.ended_at > y.at then daterange(lower(c.valid), null) else c.valid end as valid
    from contract c
    cross join frozen y
    where c.recorded_at <= y.at and not isempty(c.valid)
), wanted as (
    select k.account_id, k.contract_id, k.point_id, service,
           daterange(greatest(lower(k.valid), first.read_on), least(upper(k.valid), upper(y.period))) * t.valid as days
    from known k
    cross join frozen y
    join contract_terms t on t.contract_id = k.contract_id and t.recorded_at <= y.at
    cross join lateral unnest(t.services) as service
    join account_details a on a.account_id = k.account_id
                          and held(a.valid, a.recorded_at, a.ended_at, y.issue_date, y.at)
    join lateral (
        select min(r.read_on) as read_on
        from installation i join reading r using (installation_id)
        where i.point_id = k.point_id and r.source = 'exchange_install'
    ) first on true
    where ((y.kind = 'regular' and (y.route_set = 'ALL' or a.route = any(string_to_array(y.route_set, '+'))))
           or exists (select 1 from cycle_account x where x.cycle_id = y.cycle_id and x.account_id = k.account_id))
      and first.read_on is not null
      and greatest(lower(k.valid), first.read_on) < least(coalesce(upper(k.valid), upper(y.period)), upper(y.period))
      and t.valid && daterange(greatest(lower(k.valid), first.read_on), least(upper(k.valid), upper(y.period)))
), rained as (
    -- stormwater of the surfaces that were known, which readings have nothing to do with
    select k.account_id, k.point_id, datemultirange(k.valid * daterange(null, upper(y.period))) * range_agg(s.days) as days
    from known k
    cross join frozen y
    join lateral (
        select case when one.ended_at > y.at then daterange(lower(one.valid), null) else one.valid end as days
        from stormwater_area one
        where one.point_id = k.point_id and one.recorded_at <= y.at and not isempty(one.valid)
    ) s on true
    join account_details a on a.account_id = k.account_id
                          and held(a.valid, a.recorded_at, a.ended_at, y.issue_date, y.at)
    where ((y.kind = 'regular' and (y.route_set = 'ALL' or a.route = any(string_to_array(y.route_set, '+'))))
           or exists (select 1 from cycle_account x where x.cycle_id = y.cycle_id and x.account_id = k.account_id))
      and not exists (select 1 from waived_days w where w.contract_id = k.contract_id)
    group by k.account_id, k.contract_id, k.point_id, k.valid, y.period
), billed as (
    select b.point_id, b.service, range_agg(b.period) as days, max(upper(b.period)) as until
    from billed_day b
    where b.point_id is not null
    group by b.point_id, b.service
)
select a.account_no, p.point_no, w.service,
       (datemultirange(w.days) - coalesce(b.days, '{}') - coalesce(v.days, '{}'))::text as days
from wanted w
join account a using (account_id)
join point p using (point_id)
left join billed b on b.point_id = w.point_id and b.service = w.service
left join (select contract_id, datemultirange(days) as days from waived_days) v using (contract_id)
where not exists (select 1 from hold h where h.cycle_id = :cycle_id and h.account_id = w.account_id)
  -- between two settlements a point is charged by prognozy; the settlement bills the days
  and not exists (select 1 from forecast_line f
                  where f.cycle_id = :cycle_id and f.point_id = w.point_id and f.service = w.service)
  and not isempty(datemultirange(w.days) * datemultirange(daterange(null, b.until)) - coalesce(b.days, '{}')
                  - coalesce(v.days, '{}'))
union all
select a.account_no, p.point_no, 'stormwater', (r.days - coalesce(b.days, '{}'))::text
from rained r
join account a using (account_id)
join point p using (point_id)
left join billed b on b.point_id = r.point_id and b.service = 'stormwater'
where not exists (select 1 from hold h where h.cycle_id = :cycle_id and h.account_id = r.account_id)
  and not isempty(r.days - coalesce(b.days, '{}'))
union all
-- and each active contract that got neither an invoice nor a hold in this cycle
select a.account_no, p.point_no, w.service, w.days::text
from wanted w
join account a using (account_id)
join point p using (point_id)
join cycle y on y.cycle_id = :cycle_id
where w.days && y.period
  and not exists (select 1 from hold h where h.cycle_id = :cycle_id and h.account_id = w.account_id)
  and not exists (select 1 from invoice i where i.cycle_id = :cycle_id and i.account_id = w.account_id)
order by 1, 2, 3

-- name: conversions
-- Who moved between paper and e-mail since the regular cycle before this one was frozen, and what it does to the price.
select e.event, v.outcome, count(*) as accounts, v.price_effect_zl_year
from consent_conversion v
join consent_event e using (consent_id)
join cycle y on y.cycle_id = :cycle_id
where y.kind = 'regular'
  and v.recorded_at <= coalesce((select min(s.recorded_at) from step_run s
                                 where s.cycle_id = y.cycle_id and s.step = 'freeze'), now())
  and v.recorded_at > coalesce((select max(s.recorded_at) from step_run s join cycle c on c.cycle_id = s.cycle_id
                                where s.step = 'freeze' and c.cycle_id < y.cycle_id and c.kind = 'regular'
                                  and c.state not in ('rejected', 'dry')), '-infinity')
group by e.event, v.outcome, v.price_effect_zl_year
order by e.event, v.outcome, v.price_effect_zl_year
