-- The checks of readings: who acts on a finding, findings of a register that nobody read, what a meter can pass.

-- q3_m3h: the permanent flow for which the meter was made (Q3), m³ an hour; null: not known.
alter table installation add column q3_m3h numeric(6, 3) check (q3_m3h > 0);

-- A finding belongs to a reading, or to a register and a day: a missing reading, a lapsed legalisation.
alter table finding
    add column owner text not null default 'office'
        check (owner in ('supplier', 'office', 'field', 'customer', 'operator')),
    add column installation_id bigint references installation,
    add column on_day date,
    alter column reading_id drop not null,
    add constraint of_a_reading_or_of_a_register check (
        num_nonnulls(reading_id, installation_id) = 1 and (installation_id is null) = (on_day is null));
alter table finding alter column owner drop default;
create unique index finding_of_register on finding (installation_id, code, on_day) where reading_id is null;

-- A reading that a later check doubts becomes suspect: once, before it is billed, and never back. What a person decides
-- about it is written beside it.
create function refuse_all_but_doubt() returns trigger language plpgsql as $$
begin
    if old.state <> 'VALID' or new.state <> 'SUSPECT' or to_jsonb(old) - 'state' <> to_jsonb(new) - 'state' then
        raise exception 'reading is append-only: % refused', tg_op using errcode = 'OB001';
    end if;
    if public.reading_billed_by(old.reading_id) is not null then
        raise exception 'reading %: it is billed, a check comes too late', old.reading_id using errcode = 'OB002';
    end if;
    return new;
end $$;
drop trigger append_only on reading;
create trigger append_only before delete on reading for each row execute function refuse_change();
create trigger only_doubted before update on reading for each row execute function refuse_all_but_doubt();
grant update (state) on reading to obieg_app;
