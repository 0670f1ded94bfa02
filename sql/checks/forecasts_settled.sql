-- Where water or sewage of a point under forecast is charged for real, every line of its prognozy that no settlement has
-- taken off comes off here: the same service, days, price and rate, quantity and amount below zero. Nothing else does,
-- and nothing twice.
with settled as materialized (
    select distinct c.charge_id, c.account_id, l.point_id, t.terms_cycle_id
    from charge_line l
    join charge c using (charge_id)
    join charge_terms t using (charge_id)
    where c.cycle_id = :cycle_id and l.service in ('water', 'sewage')
      and coalesce(l.origin, '') not in ('forecast', 'settled_forecast')
), open_line as materialized (
    select s.charge_id, s.account_id, f.forecast_line_id, f.content::jsonb as line
    from settled s
    join forecast_line f on f.point_id = s.point_id and f.account_id = s.account_id
    where f.cycle_id < s.terms_cycle_id
      and not exists (select 1 from forecast_settled d
                      where d.forecast_line_id = f.forecast_line_id and d.cycle_id <> s.terms_cycle_id)
), taken as materialized (
    select c.account_id, l.*
    from charge_line l
    join charge c using (charge_id)
    where c.cycle_id = :cycle_id and (l.origin = 'settled_forecast' or l.forecast_line_id is not null)
), wrong as (
    select coalesce(o.account_id, t.account_id) as account_id,
           coalesce(o.forecast_line_id, t.forecast_line_id) as forecast_line_id
    from open_line o
    full join taken t
         on t.charge_id = o.charge_id and t.forecast_line_id = o.forecast_line_id and t.service = o.line ->> 'service'
        and t.period = daterange((o.line #>> '{period,start}')::date, (o.line #>> '{period,until}')::date)
        and (t.price_zl, t.vat_rate, t.quantity, t.net_zl)
            = ((o.line ->> 'price_zl')::numeric, (o.line ->> 'vat_rate')::numeric, -(o.line ->> 'quantity')::numeric,
               -(o.line ->> 'net_zl')::numeric)
        and coalesce(t.subsidy_zl, 0) = -coalesce((o.line #>> '{subsidy,subsidy_zl}')::numeric, 0)
    group by 1, 2
    having count(*) <> 1 or count(o.forecast_line_id) <> 1 or count(t.line_no) <> 1
)
select a.account_no, 'line ' || coalesce(w.forecast_line_id::text, '?') || ' of a prognoza is not taken off once, as it was'
       as problem
from wrong w
join account a using (account_id)
