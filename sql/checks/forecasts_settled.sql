-- Every line of a prognoza that no settlement has taken off comes off here, with the same service, days, price and rate,
-- quantity and amount below zero: where water or sewage of its point is charged for real, where the water of the frozen
-- contract is billed to its end or given up, and where by the registry of the freeze no contract of the account holds any
-- of its days, unless the account waits for something else. Nothing else comes off, and nothing twice.
with due as materialized (
    select distinct c.charge_id, c.account_id, l.point_id, t.terms_cycle_id
    from charge_line l
    join charge c using (charge_id)
    join charge_terms t using (charge_id)
    where c.cycle_id = :cycle_id and l.service in ('water', 'sewage')
      and coalesce(l.origin, '') not in ('forecast', 'settled_forecast')
    union
    select c.charge_id, c.account_id, f.point_id, t.terms_cycle_id
    from (select distinct account_id, point_id from forecast_line) f
    join charge c using (account_id)
    join charge_terms t using (charge_id)
    join point p on p.point_id = f.point_id
    where c.cycle_id = :cycle_id
      and exists (select 1 from jsonb_array_elements(t.content::jsonb -> 'points') as supplied
                  where supplied ->> 'point_no' = p.point_no and supplied ->> 'is_settled' = 'true'
                    and supplied ? 'forecast')
), frozen as materialized (
    select y.cycle_id, coalesce((select min(s.started_at) from step_run s
                                 where s.cycle_id = y.cycle_id and s.step = 'freeze'), 'infinity') as at
    from cycle y
    where y.cycle_id = :cycle_id and y.kind <> 'correction'
), open_line as materialized (
    select d.charge_id, d.account_id, f.forecast_line_id, f.content::jsonb as line
    from due d
    join forecast_line f on f.point_id = d.point_id and f.account_id = d.account_id
    where f.cycle_id < d.terms_cycle_id
      and not exists (select 1 from forecast_settled s
                      where s.forecast_line_id = f.forecast_line_id and s.cycle_id <> d.terms_cycle_id)
    union
    select c.charge_id, f.account_id, f.forecast_line_id, f.content::jsonb
    from frozen y
    join forecast_line f on f.cycle_id < y.cycle_id
    join snapshot_account a on a.cycle_id = y.cycle_id and a.account_id = f.account_id
    left join charge c on c.cycle_id = y.cycle_id and c.account_id = f.account_id
    left join hold h on h.cycle_id = y.cycle_id and h.account_id = f.account_id
    where (h.code is null or h.code in ('CONTRACT_INACTIVE', 'NOTHING_TO_BILL'))
      and not exists (select 1 from forecast_settled s
                      where s.forecast_line_id = f.forecast_line_id and s.cycle_id <> y.cycle_id)
      and not exists (select 1 from contract k
                      where k.point_id = f.point_id and k.account_id = f.account_id and k.recorded_at <= y.at
                        and case when k.ended_at > y.at then daterange(lower(k.valid), null) else k.valid end
                            && f.period)
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
