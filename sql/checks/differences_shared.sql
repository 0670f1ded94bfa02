-- What a building's meter counted beyond its flats', where they share it: the shares that a cycle settled make the whole,
-- each is what the use up to and with its contract reaches, rounded, less what was reached before it; and a line bills
-- just such a share, all of it, for its contract's account and point, once.
with settled as materialized (
    select s.*, k.account_id, k.point_id as at_point_id,
           sum(s.volume_m3) over whole as shared_m3, sum(s.own_m3) over whole as used_m3,
           sum(s.own_m3) over (whole order by s.before_m3, s.own_m3, s.share_id) - s.own_m3 as earlier_m3
    from difference_share s
    join contract k using (contract_id)
    where s.cycle_id = :cycle_id
       or s.share_id in (select l.difference_share_id from charge_line l join charge c using (charge_id)
                         where c.cycle_id = :cycle_id and l.difference_share_id is not null)
    window whole as (partition by s.cycle_id, s.point_id, s.service)
), reckoned as (
    select account_id, service || ' at point ' || at_point_id || ': ' || volume_m3 || ' of ' || of_m3 || ' m3' as problem
    from settled
    where cycle_id = :cycle_id
      and (shared_m3 <> of_m3 or used_m3 <> all_m3 or earlier_m3 <> before_m3
           or volume_m3 <> round(of_m3 * (before_m3 + own_m3) / all_m3, 3) - round(of_m3 * before_m3 / all_m3, 3))
), billed as materialized (
    select c.account_id, l.difference_share_id as share_id, l.point_id, l.service, sum(l.quantity) as m3,
           range_agg(l.period) as days, sum(upper(l.period) - lower(l.period)) filter (where l.row_no = 2) as days_charged
    from charge_line l
    join charge c using (charge_id)
    where c.cycle_id = :cycle_id and l.difference_share_id is not null
    group by c.account_id, l.difference_share_id, l.point_id, l.service
), wanted as (
    select c.account_id, cast(share ->> 'share_id' as bigint) as share_id
    from charge c
    join charge_terms t using (charge_id)
    cross join lateral jsonb_array_elements(t.content::jsonb -> 'points') as supplied
    cross join lateral jsonb_array_elements(supplied -> 'difference_shares') as share
    where c.cycle_id = :cycle_id
)
select a.account_no, r.problem from reckoned r join account a using (account_id)
union all
select a.account_no, 'share ' || coalesce(w.share_id, b.share_id) || ' is billed with ' || coalesce(b.m3::text, 'nothing')
from wanted w
full join billed b using (account_id, share_id)
join account a on a.account_id = coalesce(w.account_id, b.account_id)
left join settled s on s.share_id = coalesce(w.share_id, b.share_id)
where w.share_id is null or b.share_id is null or s.share_id is null
   or (b.m3, b.service, b.point_id, b.account_id, b.days)
      is distinct from (s.volume_m3, s.service, s.at_point_id, s.account_id, datemultirange(s.period))
   or b.days_charged <> upper(s.period) - lower(s.period)
