-- name: point_at_work
-- A point, up to which day a service of it is charged, and a cycle that is about to bill an account of it.
select p.point_id,
       (select max(upper(b.period)) from billed_day b where b.point_id = p.point_id and b.service = :service)
           as billed_until,
       (select y.cycle_key
        from contract c
        join snapshot_account s on s.account_id = c.account_id
        join cycle y using (cycle_id)
        where c.point_id = p.point_id and y.state in ('frozen', 'checked', 'approved') and not y.dry_run
          and not exists (select 1 from hold h where h.cycle_id = s.cycle_id and h.account_id = s.account_id
                                                 and h.stage = 'freeze')
        limit 1) as cycle_key
from point p
where p.point_no = :point_no

-- name: contract_at_work
select c.contract_id, c.point_id, lower(c.valid) as contract_from, upper(c.valid) as contract_until, t.services,
       (select max(upper(f.period)) from forecast_line f
        where f.point_id = c.point_id and f.account_id = c.account_id) as forecast_until,
       (select y.cycle_key
        from snapshot_account s join cycle y using (cycle_id)
        where s.account_id = c.account_id and y.state in ('frozen', 'checked', 'approved') and not y.dry_run
          and not exists (select 1 from hold h where h.cycle_id = s.cycle_id and h.account_id = s.account_id
                                                 and h.stage = 'freeze')
        limit 1) as cycle_key
from contract c
join contract_terms t using (contract_id)
where c.contract_no = :contract_no and not isempty(c.valid)
  and t.valid @> greatest(lower(c.valid), least(cast(:day as date), upper(c.valid) - 1))

-- name: end_surface
update stormwater_area
set valid = case when lower(valid) >= :day then 'empty' else daterange(lower(valid), :day) end,
    ended_at = business_now(), ended_by = :by, ended_reason = :reason
where point_id = :point_id and surface = :surface and upper_inf(valid) and not isempty(valid)

-- name: insert_surface
insert into stormwater_area (point_id, surface, area_m2, item_code, valid, reason, event_at, recorded_by, recorded_via)
values (:point_id, :surface, :area_m2, :item_code, daterange(:day, null), :reason, business_now(), :by, :via)

-- name: surfaces
select p.point_no, s.surface, s.area_m2, s.item_code, lower(s.valid) as valid_from, upper(s.valid) as valid_until,
       s.reason, s.recorded_by, s.ended_by
from stormwater_area s
join point p using (point_id)
where (cast(:point_no as text) is null or p.point_no = :point_no) and not isempty(s.valid)
order by p.point_no, s.surface, lower(s.valid)

-- name: insert_excess
insert into sewage_excess (point_id, indicator, measured, permitted, valid, report_no, event_at, recorded_by, recorded_via)
values (:point_id, :indicator, :measured, :permitted, daterange(:day, null), :report_no, business_now(), :by, :via)

-- name: end_excess
update sewage_excess
set valid = case when lower(valid) >= :day then 'empty' else daterange(lower(valid), :day) end,
    ended_at = business_now(), ended_by = :by, ended_report_no = :report_no
where point_id = :point_id and indicator = :indicator and upper_inf(valid) and not isempty(valid)

-- name: excesses
select p.point_no, x.indicator, x.measured, x.permitted, lower(x.valid) as sampled_on, upper(x.valid) as cleared_on,
       x.report_no, x.ended_report_no, x.recorded_by
from sewage_excess x
join point p using (point_id)
where (cast(:point_no as text) is null or p.point_no = :point_no) and not isempty(x.valid)
order by p.point_no, lower(x.valid), x.indicator

-- name: end_forecast
update forecast_terms
set valid = case when lower(valid) >= :day then 'empty' else daterange(lower(valid), :day) end,
    ended_at = business_now(), ended_by = :by, ended_reason = :reason
where contract_id = :contract_id and upper_inf(valid) and not isempty(valid)

-- name: insert_forecast
insert into forecast_terms (contract_id, entitled, basis, water_m3_month, sewage_m3_month, settle_every_months, payment_day,
                            valid, reason, event_at, recorded_by, recorded_via)
values (:contract_id, :entitled, :basis, :water_m3_month, :sewage_m3_month, :settle_every_months, :payment_day,
        daterange(:day, null), :reason, business_now(), :by, :via)

-- name: forecasts
select c.contract_no, a.account_no, f.entitled, f.basis, f.water_m3_month, f.sewage_m3_month, f.settle_every_months,
       f.payment_day, lower(f.valid) as valid_from, upper(f.valid) as valid_until,
       (select count(*) from forecast_line l left join forecast_settled s using (forecast_line_id)
        where l.point_id = c.point_id and l.account_id = c.account_id and s.forecast_line_id is null) as unsettled_lines
from forecast_terms f
join contract c using (contract_id)
join account a using (account_id)
where (cast(:contract_no as text) is null or c.contract_no = :contract_no) and not isempty(f.valid)
order by c.contract_no, lower(f.valid)
