-- A line of water or sewage names both of its readings and its meter, or has parts, or says what else named its quantity;
-- no other line names a reading.
select a.account_no, 'line ' || l.line_no || ': ' || l.service || ' with readings '
       || coalesce(l.previous_reading_id::text, 'none') || ' and ' || coalesce(l.current_reading_id::text, 'none')
       as problem
from charge_line l
join charge c using (charge_id)
join account a using (account_id)
cross join lateral (
    select num_nonnulls(l.previous_reading_id, l.current_reading_id, l.meter_no) as own,
           exists (select 1 from charge_line_part p
                   where p.charge_id = l.charge_id and p.line_no = l.line_no) as has_parts) named
where c.cycle_id = :cycle_id
  and case when l.service in ('water', 'sewage') and l.origin is null
           then named.own <> case when named.has_parts then 0 else 3 end
           else named.own > 0 or named.has_parts end
