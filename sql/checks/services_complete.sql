-- Every frozen point whose meters were read on a later day is billed for each of its services.
select a.account_no, 'no ' || wanted.service || ' at point ' || (supplied ->> 'point_no') as problem
from charge c
join account a using (account_id)
join snapshot_account s using (cycle_id, account_id)
cross join lateral jsonb_array_elements(s.content::jsonb -> 'points') as supplied
cross join lateral jsonb_array_elements_text(supplied -> 'services') as wanted (service)
where c.cycle_id = :cycle_id
  and exists (select 1 from jsonb_array_elements(supplied -> 'registers') as measured
              where measured #>> '{current,read_on}' > measured #>> '{previous,read_on}')
  and not exists (select 1 from charge_line l join point p using (point_id)
                  where l.charge_id = c.charge_id and p.point_no = supplied ->> 'point_no'
                    and l.service = wanted.service)
