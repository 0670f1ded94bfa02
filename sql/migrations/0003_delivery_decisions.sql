-- What a person decided about a delivery that did not move on by itself, and in which words.
create table delivery_decision (
    decision_id  bigint generated always as identity primary key,
    delivery_id  uuid not null references delivery,
    decision     text not null check (decision in ('retry', 'paper', 'accepted')),
    decided_by   text not null,
    decided_via  text not null check (decided_via in ('airflow', 'cli')),
    note         text not null check (note <> ''),
    event_at     timestamptz not null,
    recorded_at  timestamptz not null default clock_timestamp()
);
create index decision_of_delivery on delivery_decision (delivery_id, decision_id);
create trigger append_only before update or delete on delivery_decision for each row execute function refuse_change();
create trigger append_only_truncate before truncate on delivery_decision
    for each statement execute function refuse_change();

-- A person has decided that it may leave although the customer keeps less than the lawful term to pay.
alter table delivery add column decided boolean not null default false;

grant select on delivery_decision to obieg_app, obieg_auditor;
grant insert on delivery_decision to obieg_app;
grant update (decided) on delivery to obieg_app;
