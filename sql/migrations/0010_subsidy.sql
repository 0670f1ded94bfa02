-- Subsidies of gminas (dopłata gminy): where a point lies, what was agreed, and what each line and invoice carries.

-- The gmina of a point, written down once: with the point, or later for a point that came without one.
create table point_gmina (
    point_id     bigint primary key references point,
    gmina        text not null check (gmina <> ''),
    file_id      bigint,
    line_no      integer,
    event_at     timestamptz not null,
    recorded_at  timestamptz not null default clock_timestamp(),
    recorded_by  text not null,
    foreign key (file_id, line_no) references import_row
);
create trigger append_only before update or delete on point_gmina for each row execute function refuse_change();
create trigger append_only_truncate before truncate on point_gmina for each statement execute function refuse_change();
grant select on point_gmina to obieg_app, obieg_auditor;
grant insert on point_gmina to obieg_app;

-- Subsidies of the tariff files, written down once more at the freeze beside cycle_price.
create table cycle_subsidy (
    cycle_id       bigint not null,
    tariff_sha256  text not null,
    tariff_group   text not null,
    service        text not null check (service in ('water', 'sewage')),
    gmina          text not null,
    mode           text not null check (mode in ('net', 'gross')),
    zl_m3          numeric(10, 4) not null check (zl_m3 > 0),
    valid_from     date not null,
    valid_until    date check (valid_until > valid_from),
    basis          text not null,
    primary key (cycle_id, tariff_sha256, tariff_group, service, gmina, valid_from),
    foreign key (cycle_id, tariff_sha256, tariff_group) references cycle_group
);
create trigger append_only before update or delete on cycle_subsidy for each row execute function refuse_change();
create trigger append_only_truncate before truncate on cycle_subsidy
    for each statement execute function refuse_change();

-- On which days a gmina pays what: those of the subsidy, as far as its tariff prices them.
create view cycle_subsidy_days as
    select p.cycle_id, p.tariff_class, p.channel, p.service, s.gmina, p.tariff_sha256, p.tariff_group, s.mode, s.zl_m3,
           s.basis, p.days * daterange(s.valid_from, s.valid_until) as days
    from cycle_price_days p
    join cycle_subsidy s using (cycle_id, tariff_sha256, tariff_group, service)
    where p.days && daterange(s.valid_from, s.valid_until);
grant select on cycle_subsidy, cycle_subsidy_days to obieg_app, obieg_auditor;
grant insert on cycle_subsidy to obieg_app;

-- What the gmina pays of a line: net in net mode (its price_zl is then what is left), else gross.
alter table charge_line
    add column gmina text,
    add column subsidy_mode text check (subsidy_mode in ('net', 'gross')),
    add column subsidy_zl_m3 numeric(10, 4),
    add column subsidy_zl numeric(12, 2),
    add column subsidy_basis text,
    add constraint subsidy_is_whole check (
        num_nonnulls(gmina, subsidy_mode, subsidy_zl_m3, subsidy_zl, subsidy_basis) in (0, 5)),
    add constraint subsidy_is_for_m3 check (subsidy_mode is null or service <> 'abonament');
create index charge_line_subsidised on charge_line (charge_id) where subsidy_mode is not null;

-- What comes off the net has come off already; what comes off the gross leaves the amount to pay.
alter table charge
    add column subsidy_net_zl numeric(12, 2) not null default 0,
    add column subsidy_gross_zl numeric(12, 2) not null default 0,
    add column payable_zl numeric(12, 2) not null generated always as (gross_zl - subsidy_gross_zl) stored;
alter table invoice
    add column subsidy_net_zl numeric(12, 2) not null default 0,
    add column subsidy_gross_zl numeric(12, 2) not null default 0,
    add column payable_zl numeric(12, 2) not null generated always as (gross_zl - subsidy_gross_zl) stored;
