-- Line nets add up to the charge's net; VAT on the sum of each rate, half up, adds up to its VAT (vat_on_rate_sum).
select a.account_no, 'net ' || c.net_zl || ' or VAT ' || c.vat_zl || ' does not follow from the lines' as problem
from charge c
join account a using (account_id)
left join lateral (
    select sum(r.net_zl) as net_zl, sum(round(r.net_zl * r.vat_rate, 2)) as vat_zl
    from (select l.vat_rate, sum(l.net_zl) as net_zl from charge_line l
          where l.charge_id = c.charge_id group by l.vat_rate) r
) s on true
where c.cycle_id = :cycle_id
  and (coalesce(s.net_zl, 0) <> c.net_zl or coalesce(s.vat_zl, 0) <> c.vat_zl or c.gross_zl <> c.net_zl + c.vat_zl)
