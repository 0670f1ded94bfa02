-- Each service that was open at the freeze stands on one line of its account, as it was ordered, and no other does; none
-- stands on an earlier document or was cancelled.
with had as materialized (
    select c.charge_id, c.account_id, (ordered ->> 'extra_service_id')::bigint as extra_service_id,
           ordered ->> 'item_code' as item_code, (ordered ->> 'quantity')::numeric as quantity,
           (ordered ->> 'performed_on')::date as performed_on
    from charge c
    join charge_terms s using (charge_id)
    cross join lateral jsonb_array_elements(s.content::jsonb -> 'orders') as ordered
    where c.cycle_id = :cycle_id
), charged as materialized (
    select l.charge_id, c.account_id, l.extra_service_id, l.tariff_group, l.quantity, l.period
    from charge_line l
    join charge c using (charge_id)
    where c.cycle_id = :cycle_id and l.service = 'extra'
), wrong as (
    select coalesce(h.account_id, l.account_id) as account_id, coalesce(h.extra_service_id, l.extra_service_id) as service_id,
           'does not stand on one line as it was ordered' as why
    from had h
    full join charged l on l.charge_id = h.charge_id and l.extra_service_id = h.extra_service_id
                       and (l.tariff_group, l.quantity, lower(l.period)) = (h.item_code, h.quantity, h.performed_on)
    group by 1, 2
    having count(*) <> 1 or count(h.extra_service_id) <> 1 or count(l.extra_service_id) <> 1
    union all
    select l.account_id, l.extra_service_id, 'stands on an earlier document'
    from charged l
    join extra_service_billed b using (extra_service_id)
    join charge_terms t using (charge_id)
    where b.cycle_id not in (:cycle_id, t.terms_cycle_id)
    union all
    select l.account_id, l.extra_service_id, 'was cancelled'
    from charged l
    join extra_service_cancelled x using (extra_service_id)
    union all
    select l.account_id, l.extra_service_id, 'is not an order of this account'
    from charged l
    join extra_service e using (extra_service_id)
    where e.account_id <> l.account_id
)
select a.account_no, 'service ' || w.service_id || ' ' || w.why as problem from wrong w join account a using (account_id)
