-- name: find
select c.as_of, c.begun_by, s.switched_by, s.totals_sha256, s.event_at as switched_at
from cutover c
left join cutover_switch s using (only_row)

-- name: begin
insert into cutover (as_of, begun_by, begun_via, event_at) values (:as_of, :begun_by, :begun_via, business_now())

-- name: has_cycle
select cycle_key from cycle where not dry_run and state <> 'rejected' limit 1

-- name: loaders
select begun_by as name from cutover
union
select recorded_by from import_file where kind in ('cutover', 'registry', 'consents') and status = 'accepted'
union
select dismissed_by from cutover_dismissal

-- name: stage_positions
create temporary table staged (
    line_no integer, raw text, code text, note text, key text,
    point_no text, meter_no text, register smallint, last_billed_on date, index_m3 numeric(12, 3), quality text
) on commit drop

-- name: stage_balances
create temporary table staged (
    line_no integer, raw text, code text, note text, key text,
    account_no text, balance_zl numeric(12, 2), standing_billed_until date
) on commit drop

-- name: stage_history
create temporary table staged (
    line_no integer, raw text, code text, note text, key text,
    point_no text, meter_no text, register smallint, period_from date, period_until date, volume_m3 numeric(12, 3),
    quality text, old_invoice_no text, gross_zl numeric(12, 2)
) on commit drop

-- name: stage_series
create temporary table staged (
    line_no integer, raw text, code text, note text, key text, series text, last_number bigint
) on commit drop

-- name: judge_positions
create temporary table judged on commit drop as
with placed as (
    select s.line_no, s.code, s.note, s.point_no, s.meter_no, s.last_billed_on, s.index_m3,
           concat_ws('|', s.last_billed_on, s.index_m3, s.quality) as content,
           p.point_id, m.meter_id, i.installation_id, i.dials, opening.index_m3 as opening_m3
    from staged s
    left join point p on p.point_no = s.point_no
    left join meter m on m.meter_no = s.meter_no
    left join lateral (
        select x.installation_id, x.dials from installation x
        where x.point_id = p.point_id and x.meter_id = m.meter_id and x.register = s.register
          and x.installed_on <= s.last_billed_on and coalesce(x.removed_on, 'infinity') >= s.last_billed_on
        order by x.installed_on desc limit 1
    ) i on true
    left join lateral (
        select r.index_m3 from reading r
        where r.installation_id = i.installation_id and r.source = 'exchange_install' order by r.read_at limit 1
    ) opening on true
), coded as (
    select *, case when code is not null then code
                   when point_id is null then 'K110' when meter_id is null then 'K109'
                   when installation_id is null then 'K111' when last_billed_on > :as_of then 'K114'
                   when index_m3 >= 10 ^ dials then 'K115' end as wrong
    from placed
), ranked as (
    select *, row_number() over of_key as place, first_value(content) over of_key as first_content
    from coded
    window of_key as (partition by installation_id, wrong is null order by line_no)
)
select r.line_no, r.installation_id,
       case when r.wrong is not null then 'REJECTED'
            when r.place > 1 and r.content <> r.first_content then 'QUARANTINED'
            when r.place > 1 or stands.content = r.content then 'DUPLICATE'
            when stands.content is not null or r.index_m3 < r.opening_m3 then 'ACCEPTED_WARN'
            else 'ACCEPTED' end as outcome,
       case when r.wrong is not null then r.wrong
            when r.place > 1 and r.content <> r.first_content then 'K201'
            when r.place > 1 or stands.content = r.content then null
            when stands.content is not null then 'K301'
            when r.index_m3 < r.opening_m3 then 'K302' end as code,
       case when r.code is not null then r.note
            when r.wrong = 'K110' then 'point_no ' || r.point_no when r.wrong = 'K109' then 'meter_no ' || r.meter_no
            when r.wrong = 'K111' then 'meter ' || r.meter_no || ', ' || r.last_billed_on
            when r.wrong = 'K114' then 'last_billed_on ' || r.last_billed_on
            when r.wrong = 'K115' then 'last_billed_index ' || r.index_m3 || ' on ' || r.dials || ' dials'
            when r.place > 1 and r.content <> r.first_content then 'another row of the file has the key'
            when stands.content <> r.content then 'replaces ' || stands.content
            when r.index_m3 < r.opening_m3 then 'the opening index is ' || r.opening_m3 end as note
from ranked r
left join (select installation_id, concat_ws('|', last_billed_on, index_m3, quality) as content
           from opening_position where replaced_at is null) stands using (installation_id)

-- name: judge_balances
create temporary table judged on commit drop as
with coded as (
    select s.line_no, s.note, s.code as unread, a.account_id, s.account_no, s.standing_billed_until,
           concat_ws('|', s.balance_zl, coalesce(s.standing_billed_until::text, '-')) as content,
           case when s.code is not null then s.code when a.account_id is null then 'K108'
                when s.standing_billed_until > cast(:as_of as date) + 400 then 'K114' end as wrong
    from staged s
    left join account a on a.account_no = s.account_no
), ranked as (
    select *, row_number() over of_key as place, first_value(content) over of_key as first_content
    from coded
    window of_key as (partition by account_id, wrong is null order by line_no)
)
select r.line_no, r.account_id,
       case when r.wrong is not null then 'REJECTED'
            when r.place > 1 and r.content <> r.first_content then 'QUARANTINED'
            when r.place > 1 or stands.content = r.content then 'DUPLICATE'
            when stands.content is not null then 'ACCEPTED_WARN'
            else 'ACCEPTED' end as outcome,
       case when r.wrong is not null then r.wrong
            when r.place > 1 and r.content <> r.first_content then 'K201'
            when r.place = 1 and stands.content <> r.content then 'K301' end as code,
       case when r.unread is not null then r.note
            when r.wrong = 'K108' then 'account_no ' || r.account_no
            when r.wrong = 'K114' then 'standing_billed_until ' || r.standing_billed_until
            when r.place > 1 and r.content <> r.first_content then 'another row of the file has the key'
            when r.place = 1 and stands.content <> r.content then 'replaces ' || stands.content end as note
from ranked r
left join (select account_id, concat_ws('|', balance_zl, coalesce(standing_billed_until::text, '-')) as content
           from opening_balance where replaced_at is null) stands using (account_id)

-- name: judge_series
create temporary table judged on commit drop as
with coded as (
    select s.line_no, s.note, s.code as unread, s.series, s.last_number::text as content,
           case when s.code is not null then s.code
                when exists (select 1 from invoice_series v where v.series = s.series) then 'K117' end as wrong
    from staged s
), ranked as (
    select *, row_number() over of_key as place, first_value(content) over of_key as first_content
    from coded
    window of_key as (partition by series, wrong is null order by line_no)
)
select r.line_no,
       case when r.wrong is not null then 'REJECTED'
            when r.place > 1 and r.content <> r.first_content then 'QUARANTINED'
            when r.place > 1 or stands.content = r.content then 'DUPLICATE'
            when stands.content is not null then 'ACCEPTED_WARN'
            else 'ACCEPTED' end as outcome,
       case when r.wrong is not null then r.wrong
            when r.place > 1 and r.content <> r.first_content then 'K201'
            when r.place = 1 and stands.content <> r.content then 'K301' end as code,
       case when r.unread is not null then r.note
            when r.wrong = 'K117' then 'series ' || r.series
            when r.place > 1 and r.content <> r.first_content then 'another row of the file has the key'
            when r.place = 1 and stands.content <> r.content then 'replaces ' || stands.content end as note
from ranked r
left join (select series, last_number::text as content from opening_series where replaced_at is null) stands
       using (series)

-- name: judge_history
create temporary table judged on commit drop as
with placed as (
    select s.line_no, s.code, s.note, s.point_no, s.meter_no, s.period_from, s.period_until, s.volume_m3,
           concat_ws('|', s.period_until, s.volume_m3, s.quality, coalesce(s.old_invoice_no, '-'),
                     coalesce(s.gross_zl::text, '-')) as content,
           p.point_id, m.meter_id, i.installation_id
    from staged s
    left join point p on p.point_no = s.point_no
    left join meter m on m.meter_no = s.meter_no
    left join installation i
           on i.point_id = p.point_id and i.meter_id = m.meter_id and i.register = s.register
          and i.installed_on <= s.period_from and coalesce(i.removed_on, 'infinity') >= s.period_until
), coded as (
    select *, case when code is not null then code
                   when point_id is null then 'K110' when meter_id is null then 'K109'
                   when installation_id is null then 'K111' when period_until > :as_of then 'K114' end as wrong
    from placed
), ranked as (
    select *, row_number() over of_key as place, first_value(content) over of_key as first_content
    from coded
    window of_key as (partition by installation_id, wrong is null, period_from order by line_no)
), ordered as (
    select *, max(case when wrong is null and place = 1 then period_until end) over (
                  partition by installation_id, wrong is null order by period_from, line_no
                  rows between unbounded preceding and 1 preceding) as taken_until
    from ranked
), compared as (
    select o.*, stands.content as standing_content,
           o.wrong is null and o.place = 1
           and (coalesce(o.taken_until > o.period_from, false)
                or exists (select 1 from consumption_history h
                           where int8range(h.installation_id, h.installation_id, '[]')
                                 && int8range(o.installation_id, o.installation_id, '[]') and h.replaced_at is null
                             and h.period && daterange(o.period_from, o.period_until)
                             and lower(h.period) <> o.period_from)) as overlaps
    from ordered o
    left join (select installation_id, lower(period) as period_from,
                      concat_ws('|', upper(period), volume_m3, quality, coalesce(old_invoice_no, '-'),
                                coalesce(gross_zl::text, '-')) as content
               from consumption_history where replaced_at is null) stands using (installation_id, period_from)
)
select c.line_no, c.installation_id,
       case when c.wrong is not null or c.overlaps then 'REJECTED'
            when c.place > 1 and c.content <> c.first_content then 'QUARANTINED'
            when c.place > 1 or c.standing_content = c.content then 'DUPLICATE'
            when c.standing_content is not null or c.volume_m3 < 0 then 'ACCEPTED_WARN'
            else 'ACCEPTED' end as outcome,
       case when c.wrong is not null then c.wrong
            when c.overlaps then 'K112'
            when c.place > 1 and c.content <> c.first_content then 'K201'
            when c.place > 1 or c.standing_content = c.content then null
            when c.standing_content is not null then 'K301'
            when c.volume_m3 < 0 then 'K303' end as code,
       case when c.code is not null then c.note
            when c.wrong = 'K110' then 'point_no ' || c.point_no when c.wrong = 'K109' then 'meter_no ' || c.meter_no
            when c.wrong = 'K111' then 'meter ' || c.meter_no || ', ' || c.period_from || ' to ' || c.period_until
            when c.wrong = 'K114' then 'period_until ' || c.period_until
            when c.overlaps then c.period_from || ' to ' || c.period_until
            when c.place > 1 and c.content <> c.first_content then 'another row of the file has the key'
            when c.standing_content <> c.content then 'replaces ' || c.standing_content
            when c.volume_m3 < 0 then 'volume_m3 ' || c.volume_m3 end as note
from compared c

-- name: analyze_staged
analyze staged

-- name: analyze_judged
analyze judged

-- name: judged_counts
select outcome, count(*) as rows from judged group by outcome

-- name: keep_rows
insert into import_row (file_id, line_no, raw, outcome, codes, note)
select :file_id, j.line_no, s.raw, j.outcome, case when j.code is null then '{}' else array[j.code] end, j.note
from judged j
join staged s using (line_no)
order by j.line_no

-- name: keep_refused
insert into cutover_refused_row (file_id, line_no, kind, key)
select :file_id, j.line_no, :kind, s.key
from judged j
join staged s using (line_no)
where j.outcome in ('REJECTED', 'QUARANTINED')

-- name: replace_positions
update opening_position o set replaced_at = clock_timestamp()
from judged j
where j.outcome = 'ACCEPTED_WARN' and j.code = 'K301' and o.installation_id = j.installation_id
  and o.replaced_at is null

-- name: replace_balances
update opening_balance o set replaced_at = clock_timestamp()
from judged j
where j.outcome = 'ACCEPTED_WARN' and j.code = 'K301' and o.account_id = j.account_id and o.replaced_at is null

-- name: replace_series
update opening_series o set replaced_at = clock_timestamp()
from judged j
join staged s using (line_no)
where j.outcome = 'ACCEPTED_WARN' and j.code = 'K301' and o.series = s.series and o.replaced_at is null

-- name: replace_history
update consumption_history h set replaced_at = clock_timestamp()
from judged j
join staged s using (line_no)
where j.outcome = 'ACCEPTED_WARN' and j.code = 'K301' and h.installation_id = j.installation_id
  and lower(h.period) = s.period_from and h.replaced_at is null

-- name: insert_positions
-- Noon of the day, as any bare date; a second later for each position that was corrected.
with wanted as (
    select j.line_no, i.installation_id, i.meter_id, i.register, s.last_billed_on, s.index_m3, s.quality,
           (s.last_billed_on + time '12:00') at time zone 'Europe/Warsaw'
           + make_interval(secs => (select count(*) from opening_position o
                                    where o.installation_id = j.installation_id)) as read_at
    from judged j
    join staged s using (line_no)
    join installation i using (installation_id)
    where j.outcome in ('ACCEPTED', 'ACCEPTED_WARN')
), read as (
    insert into reading (installation_id, meter_id, register, read_at, read_on, source, quality, index_m3,
                         index_received, unit_received, state, file_id, line_no)
    select installation_id, meter_id, register, read_at, last_billed_on, 'cutover', quality, index_m3,
           index_m3::text, 'm3', 'VALID', :file_id, line_no
    from wanted
    returning reading_id, line_no
)
insert into opening_position (installation_id, reading_id, last_billed_on, index_m3, quality, file_id, line_no,
                              recorded_by)
select w.installation_id, r.reading_id, w.last_billed_on, w.index_m3, w.quality, :file_id, w.line_no, :recorded_by
from wanted w
join read r using (line_no)

-- name: insert_balances
insert into opening_balance (account_id, balance_zl, standing_billed_until, file_id, line_no, recorded_by)
select j.account_id, s.balance_zl, s.standing_billed_until, :file_id, j.line_no, :recorded_by
from judged j
join staged s using (line_no)
where j.outcome in ('ACCEPTED', 'ACCEPTED_WARN')

-- name: insert_series
insert into opening_series (series, last_number, file_id, line_no, recorded_by)
select s.series, s.last_number, :file_id, j.line_no, :recorded_by
from judged j
join staged s using (line_no)
where j.outcome in ('ACCEPTED', 'ACCEPTED_WARN')

-- name: insert_history
insert into consumption_history (installation_id, period, volume_m3, quality, old_invoice_no, gross_zl, file_id,
                                 line_no, recorded_by)
select j.installation_id, daterange(s.period_from, s.period_until), s.volume_m3, s.quality, s.old_invoice_no,
       s.gross_zl, :file_id, j.line_no, :recorded_by
from judged j
join staged s using (line_no)
where j.outcome in ('ACCEPTED', 'ACCEPTED_WARN')

-- name: unstage
drop table staged, judged

-- name: rejected_sample
-- What the report of a file that is refused for its rows shows.
select j.line_no, s.raw, j.outcome, j.code, j.note
from judged j
join staged s using (line_no)
order by j.line_no
limit 1000

-- name: control
select c.name, c.value
from cutover_control c
where c.file_id = (select max(file_id) from cutover_control)
order by c.line_no

-- name: our_totals
with position as (select count(*) as rows, coalesce(sum(index_m3), 0) as m3
                  from opening_position where replaced_at is null),
balance as (select count(*) filter (where balance_zl <> 0) as rows, coalesce(sum(balance_zl), 0) as zl
            from opening_balance where replaced_at is null),
history as (select count(*) as rows, coalesce(sum(volume_m3), 0) as m3, coalesce(sum(gross_zl), 0) as zl
            from consumption_history where replaced_at is null),
numbers as (select count(*) as rows, coalesce(sum(last_number), 0) as last_numbers
            from opening_series where replaced_at is null)
select (select count(*) from party) as parties,
       (select count(*) from account) as accounts,
       (select count(*) from point) as points,
       (select count(*) from contract) as contracts,
       (select count(*) from meter) as meters,
       position.rows as positions,
       position.m3 as sum_of_last_indices_m3,
       balance.rows as accounts_with_balance,
       balance.zl as balance_zl,
       history.rows as history_rows,
       history.m3 as history_m3,
       history.zl as history_zl,
       (select count(*) from consent_event) as consents,
       (select count(*) from email_address where file_id is not null) as email_addresses,
       numbers.rows as series,
       numbers.last_numbers as sum_of_last_numbers
from position, balance, history, numbers

-- name: open_rows
-- Rows that were not taken, that no later file has brought in a form that was, and that nobody has dismissed.
select f.name || ':' || r.line_no as what, w.codes[1] as code, f.file_id
from cutover_refused_row r
join import_row w using (file_id, line_no)
join import_file f using (file_id)
where not exists (select 1 from cutover_dismissal d where d.file_id = r.file_id and d.line_no = r.line_no)
  and not case r.kind
      when 'positions' then exists (
          select 1 from opening_position o join installation i using (installation_id) join meter m using (meter_id)
          where o.replaced_at is null and o.file_id > r.file_id and m.meter_no || ';' || i.register = r.key)
      when 'balances' then exists (
          select 1 from opening_balance o join account a using (account_id)
          where o.replaced_at is null and o.file_id > r.file_id and a.account_no = r.key)
      when 'series' then exists (
          select 1 from opening_series o
          where o.replaced_at is null and o.file_id > r.file_id and o.series = r.key)
      else exists (
          select 1 from meter m join installation i using (meter_id) join consumption_history h using (installation_id)
          where m.meter_no = split_part(r.key, ';', 1) and i.register::text = split_part(r.key, ';', 2)
            and h.replaced_at is null and h.file_id > r.file_id
            and lower(h.period)::text = split_part(r.key, ';', 3))
      end
order by r.file_id, r.line_no

-- name: find_refused_row
select r.file_id, r.line_no, exists (select 1 from cutover_dismissal d
                                     where d.file_id = r.file_id and d.line_no = r.line_no) as dismissed
from cutover_refused_row r
join import_file f using (file_id)
where f.name = :name and r.line_no = :line_no
order by dismissed, r.file_id desc
limit 1

-- name: dismiss
insert into cutover_dismissal (file_id, line_no, dismissed_by, dismissed_via, note, event_at)
values (:file_id, :line_no, :dismissed_by, :dismissed_via, :note, business_now())

-- name: contracts_without_position
select c.contract_no as what
from contract c
where c.valid && daterange(cast(:as_of as date) - 1, cast(:as_of as date), '[]')
  and not exists (select 1 from point_settled s where s.point_id = c.point_id)
order by c.contract_no

-- name: meters_without_position
-- At points that have another position.
select m.meter_no || ' at ' || p.point_no as what
from installation i
join meter m using (meter_id)
join point p using (point_id)
where i.installed_on <= :as_of and coalesce(i.removed_on, 'infinity') > :as_of
  and not exists (select 1 from opening_position o
                  where o.installation_id = i.installation_id and o.replaced_at is null)
  and exists (select 1 from point_settled s where s.point_id = i.point_id)
order by 1

-- name: removed_without_position
-- The meter after it was never billed, and nothing says up to where this one was.
select m.meter_no || ' at ' || p.point_no as what
from installation i
join meter m using (meter_id)
join point p using (point_id)
join installation n on n.point_id = i.point_id and n.register = i.register and n.installed_on = i.removed_on
join opening_position o on o.installation_id = n.installation_id and o.replaced_at is null
where i.removed_on > i.installed_on and o.last_billed_on = n.installed_on
  and not exists (select 1 from opening_position own
                  where own.installation_id = i.installation_id and own.replaced_at is null)
order by 1

-- name: accounts_without_balance
select a.account_no as what
from account a
where not exists (select 1 from opening_balance o where o.account_id = a.account_id and o.replaced_at is null)
order by a.account_no

-- name: meters_without_reading
select m.meter_no as what
from installation i
join meter m using (meter_id)
where i.installed_on <= :as_of and coalesce(i.removed_on, 'infinity') > :as_of
  and not exists (select 1 from reading_now r where r.installation_id = i.installation_id and r.is_usable)
order by m.meter_no

-- name: consents_pending
select a.account_no as what
from consent_event c
join account a using (account_id)
where not exists (select 1 from consent_conversion v where v.consent_id = c.consent_id)
order by a.account_no

-- name: rows_rejected_elsewhere
select f.name || ': ' || (f.rejected + f.quarantined) as what
from import_file f
where f.kind in ('registry', 'consents') and f.status = 'accepted' and f.rejected + f.quarantined > 0
order by f.file_id

-- name: insert_switch
insert into cutover_switch (switched_by, switched_via, note, totals, totals_sha256, event_at)
values (:switched_by, :switched_via, :note, :totals, :totals_sha256, business_now())

-- name: opening_of_series
select last_number from opening_series where series = :series and replaced_at is null
