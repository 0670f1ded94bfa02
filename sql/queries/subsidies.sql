-- name: claimed_lines
-- Corrections claim what is owed, and give back what was claimed before them.
with written as (
    select i.invoice_id, i.charge_id, 1 as sign
    from invoice i
    where i.issue_date >= :start and i.issue_date < :until
    union all
    select i.invoice_id, x.before_charge_id, -1
    from invoice i
    join correction_snapshot x on x.cycle_id = i.cycle_id and x.invoice_id = i.corrects_id
    where i.issue_date >= :start and i.issue_date < :until
)
select l.gmina, i.invoice_no, i.issue_date, a.account_no, p.point_no, l.service, lower(l.period) as period_from,
       upper(l.period) as period_until, l.tariff_group, w.sign * l.quantity as volume_m3, l.subsidy_mode as mode,
       l.subsidy_zl_m3, w.sign * l.subsidy_zl as subsidy_zl, l.vat_rate, l.subsidy_basis as basis
from written w
join invoice i using (invoice_id)
join charge_line l on l.charge_id = w.charge_id
join account a on a.account_id = i.account_id
join point p on p.point_id = l.point_id
where l.subsidy_mode is not null
  and l.gmina = coalesce(cast(:gmina as text), l.gmina)
order by l.gmina, i.issue_date, i.series, i.sequence, w.sign, l.line_no

-- name: known_gminas
select distinct gmina from cycle_subsidy order by gmina

-- name: subsidies_of_cycle
select l.gmina, l.service, l.subsidy_mode as mode, l.subsidy_zl_m3, count(*) as lines, sum(l.quantity) as volume_m3,
       sum(l.subsidy_zl) as subsidy_zl
from charge_line l
join charge c using (charge_id)
where c.cycle_id = :cycle_id and l.subsidy_mode is not null
group by l.gmina, l.service, l.subsidy_mode, l.subsidy_zl_m3
order by l.gmina, l.service, l.subsidy_mode, l.subsidy_zl_m3
