-- What may be sent where on a day, and which days have left the house as drafts for KSeF.

create index account_party_of_account on account_party (account_id);
create index email_address_of_account on email_address (account_id);
create index delivery_preference_of_account on delivery_preference (account_id);
create index billed_period_of_account on billed_period (account_id, service);
create index billed_period_of_point on billed_period (point_id, service);

-- Whether somebody else became payer or nabywca of an account after ``given_on``, up to ``on_day``. Neither a consent
-- nor an address outlives such a handover: it was another person's.
create function handed_over_since(account bigint, given_on date, on_day date) returns boolean language sql stable as $$
    select exists (
        select 1 from account_party h
        where h.account_id = account and h.role in ('payer', 'nabywca')
          and upper(h.valid) <= on_day and upper(h.valid) > given_on
          and not exists (select 1 from account_party same
                          where same.account_id = h.account_id and same.role = h.role
                            and same.party_id = h.party_id and same.valid @> on_day))
$$;

-- The channel agreed with each account for a day, with its consent, and the address known for it.
create function agreed_delivery(on_day date)
returns table (account_id bigint, channel text, consent_id bigint, email text, email_state text)
language sql stable as $$
    select a.account_id, coalesce(p.channel, 'paper'), p.consent_id, e.address, e.state
    from account a
    left join (delivery_preference p join consent_event c on c.consent_id = p.consent_id)
           on p.account_id = a.account_id and p.valid @> on_day
          and not handed_over_since(a.account_id, (c.received_at at time zone 'Europe/Warsaw')::date, on_day)
    left join email_address e
           on e.account_id = a.account_id and e.valid @> on_day
          and not handed_over_since(
              a.account_id, coalesce((e.confirmed_at at time zone 'Europe/Warsaw')::date, lower(e.valid)), on_day)
$$;

-- Days and readings of drafts that were laid out for the KSeF gateway: billed as far as the next cycle is concerned.
create table drafted_period (
    cycle_id            bigint not null references cycle,
    account_id          bigint not null references account,
    line_no             integer not null,
    point_id            bigint references point,
    service             text not null check (service in ('water', 'sewage', 'abonament')),
    service_no          integer not null generated always as (
                            case service when 'water' then 1 when 'sewage' then 2 else 3 end) stored,
    period              daterange not null check (not isempty(period)),
    current_reading_id  bigint references reading,
    primary key (cycle_id, account_id, line_no),
    foreign key (cycle_id, account_id) references hold,
    constraint no_drafted_day_twice_at_a_point exclude using gist (
        int8range(point_id, point_id, '[]') with &&, int4range(service_no, service_no, '[]') with &&,
        period with &&) where (point_id is not null),
    constraint no_drafted_day_twice_for_a_recipient exclude using gist (
        int8range(account_id, account_id, '[]') with &&, int4range(service_no, service_no, '[]') with &&,
        period with &&) where (point_id is null)
);
create index drafted_period_of_account on drafted_period (account_id, service);
create index drafted_period_of_point on drafted_period (point_id, service);
create index drafted_by_reading on drafted_period (current_reading_id) where current_reading_id is not null;
create trigger append_only before update or delete on drafted_period for each row execute function refuse_change();
create trigger append_only_truncate before truncate on drafted_period
    for each statement execute function refuse_change();
grant select on drafted_period to obieg_app, obieg_auditor;
grant insert on drafted_period to obieg_app;

-- Every day that is billed, as an invoice or as a draft.
create view billed_day as
    select account_id, point_id, service, period from billed_period
    union all
    select account_id, point_id, service, period from drafted_period;
grant select on billed_day to obieg_app, obieg_auditor;
