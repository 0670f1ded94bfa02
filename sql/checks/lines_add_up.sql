-- The nets of a charge's lines add up, by VAT rate, to its net: nets rounded line by line (line_rounding each_line), or
-- unrounded ones whose sum is rounded (rate_sum). VAT half up, on these sums or line by line, adds up to its VAT.
with model as materialized (
    select coalesce(max(value) filter (where name = 'vat'), 'vat_on_rate_sum') as vat,
           coalesce(max(value) filter (where name = 'line_rounding'), 'each_line') as line_rounding
    from cycle_model where cycle_id = :cycle_id
)
select a.account_no, 'net ' || c.net_zl || ' or VAT ' || c.vat_zl || ' does not follow from the lines' as problem
from charge c
cross join model
join account a using (account_id)
left join lateral (
    select sum(r.net_zl) as net_zl,
           sum(case model.vat when 'vat_per_line' then r.vat_zl else round(r.net_zl * r.vat_rate, 2) end) as vat_zl
    from (select l.vat_rate, sum(round(l.net_zl * l.vat_rate, 2)) as vat_zl,
                 case model.line_rounding when 'each_line' then sum(l.net_zl)
                      else round(sum(case when l.indicator is null then l.quantity * l.price_zl
                                          else (l.quantity * l.price_zl * (l.indicator_measured - l.indicator_permitted)
                                               )::numeric(60, 30) / l.indicator_permitted end), 2)
                 end as net_zl
          from charge_line l
          where l.charge_id = c.charge_id
          group by l.vat_rate) r
) s on true
where c.cycle_id = :cycle_id
  and (coalesce(s.net_zl, 0) <> c.net_zl or coalesce(s.vat_zl, 0) <> c.vat_zl or c.gross_zl <> c.net_zl + c.vat_zl)
