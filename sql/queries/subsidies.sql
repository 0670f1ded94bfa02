-- name: claimed_lines
select l.gmina, i.invoice_no, i.issue_date, a.account_no, p.point_no, l.service, lower(l.period) as period_from,
       upper(l.period) as period_until, l.tariff_group, l.quantity as volume_m3, l.subsidy_mode as mode,
       l.subsidy_zl_m3, l.subsidy_zl, l.vat_rate, l.subsidy_basis as basis
from invoice i
join charge_line l using (charge_id)
join account a on a.account_id = i.account_id
join point p on p.point_id = l.point_id
where i.issue_date >= :start and i.issue_date < :until and l.subsidy_mode is not null
  and l.gmina = coalesce(cast(:gmina as text), l.gmina)
order by l.gmina, i.issue_date, i.series, i.sequence, l.line_no

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
