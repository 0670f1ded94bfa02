"""Faults of a utility's folder, one row each: what is changed in a sound folder, and what must be found there."""

from datetime import date
from pathlib import Path
from typing import NamedTuple

from pipeline.settings import PROJECT

ON = date(2026, 9, 30)
PRICES = "price-lists/2026-cennik.toml"
UTILITY, TARIFF, TERMS = "utility.toml", "tariffs/2010-zdroje.toml", "terms/regulamin-e-faktury-1.0.md"
SOUND_EDITS = [
    ("is_demo = true", "is_demo = false"),
    ('approvers = ["approver"]', 'approvers = ["approver", "second"]'),
    ("# no dkim_selector and dkim_domain", 'dkim_selector = "s1"\ndkim_domain = "wodociagi-zdroje.example"\n#'),
]
TARIFF_TEXT = (PROJECT / "utilities" / "demo" / TARIFF).read_text(encoding="utf-8")
PRICES_TEXT = (PROJECT / "utilities" / "demo" / PRICES).read_text(encoding="utf-8")
SUCCESSOR = TARIFF_TEXT.replace("2010-01-01", "2026-05-01")
WITHOUT_EMAIL = "\n\n".join(
    part.replace('"G-P", "G-E"', '"G-P"')
    for part in SUCCESSOR.split("\n\n")
    if '"G-E"\n' not in part and '["G-E"]' not in part
)
WITH_A_NEW_CLASS = (
    SUCCESSOR
    + "".join(
        f'\n[[price]]\ngroups = ["N"]\nitem = "{item}"\nunit = "m3"\nnet_zl = 1.00\n'
        f'valid_from = 2026-05-01\nbasis = "x"\n[[example]]\ngroups = ["N"]\non = 2026-06-01\n{item} = 1\n'
        f'gross_zl = 1.08\nsource = "by hand"\n'
        for item in ("water", "sewage")
    )
    + '\n[[group]]\ncode = "N"\nclass = "new"\nchannel = "any"\nname = "Nowa"\n'
)
WITHOUT_SEWAGE_FOR_F = TARIFF_TEXT.replace('["G-P", "G-E", "F"]', '["G-P", "G-E"]').replace(
    "sewage = 10\nabonament = 1\nnet_zl = 147.00\ngross_zl = 158.76", "abonament = 1\nnet_zl = 69.50\ngross_zl = 75.06"
)
A_LATER_PRICE = (
    '\n[[price]]\ngroups = ["F"]\nitem = "water"\nunit = "m3"\nnet_zl = {net}\nvalid_from = {start}\n'
    'basis = "x"\n[[example]]\ngroups = ["F"]\non = {start}\nwater = 1\ngross_zl = {gross}\nsource = "by hand"\n'
)
AN_EARLIER_TARIFF = TARIFF_TEXT.replace("2010-01-01", "2009-01-01") + A_LATER_PRICE.format(
    net="6.00", gross="6.48", start="2027-01-01"
)
FROM = 'valid_from = 2010-01-01\nbasis = "fictitious"\n'
ABONAMENT = f'groups = ["G-P", "F"]\nitem = "abonament"\nunit = "month"\nnet_zl = 12.00\n{FROM}'
COMPONENTS = "[price.components]\nreadiness = 3.00\nreading = 5.00\nsettlement = {}\n"
BLOCKS = "[[price.block]]\nfrom_m3 = 0\nnet_zl = 5.00\n[[price.block]]\nfrom_m3 = 2.5\nnet_zl = 6.00\n"
# 2.5 × 5.00 + 7.5 × 6.00 is 10 × 5.75
WITH_BLOCKS = 'block_per = "bill"\n' + TARIFF_TEXT.replace(f"net_zl = 5.75\n{FROM}", FROM + BLOCKS)
FOR_NATURAL_PERSONS = SUCCESSOR.replace('code = "F"\n', 'code = "F"\npayer = "natural_person"\n')


class Edit(NamedTuple):
    """``old`` becomes ``new`` in ``file``; without ``old`` the file is written, without ``new`` it is removed."""

    code: str
    field: str
    file: str
    old: str | None
    new: str | None
    on: date = ON


def terms(version: str, start: str, file: str = TERMS) -> str:
    return f'\n[[terms]]\nversion = "{version}"\neffective_from = {start}\nfile = "{file}"\n'


OWN_ACCOUNT = (
    'bank_account = "08999000000000000000000001"  # the utility\'s own; its check digits pass, no bank has it\n'
    "individual_accounts = true"
)
R1 = 'code = "R1"\nevery_months = 1\nfirst_month = 1\nread_days = [22, 28]'
FAULTS = {
    "no utility.toml": Edit("UTILITY_MISSING", "", UTILITY, None, None),
    "utility.toml is not TOML": Edit("UTILITY_UNREADABLE", "", UTILITY, "is_demo = false", "is_demo = no"),
    "a name is missing": Edit(
        "UTILITY_FIELD_MISSING", "seller.name", UTILITY, 'name = "Wodociągi Zdroje sp', '#name = "'
    ),
    "a city is missing": Edit("UTILITY_FIELD_MISSING", "seller.city", UTILITY, 'city = "Zdroje"\n', ""),
    "a table is missing": Edit("UTILITY_FIELD_MISSING", "readings.days_before", UTILITY, "days_before = 10", ""),
    "a misspelt field": Edit("UTILITY_FIELD_WRONG", "mail.replyto", UTILITY, "reply_to", 'replyto = "x"\nreply_to'),
    "NIP": Edit("UTILITY_FIELD_WRONG", "seller.nip", UTILITY, "9900000017", "9900000018"),
    "REGON": Edit("UTILITY_FIELD_WRONG", "seller.regon", UTILITY, '"990000000"', '"990000001"'),
    "own bank account": Edit("UTILITY_FIELD_WRONG", "payment.bank_account", UTILITY, '"0899', '"0999'),
    "VAT model": Edit("UTILITY_FIELD_WRONG", "vat_model", UTILITY, '"vat_on_rate_sum"', '"vat_by_feeling"'),
    "methods": Edit("UTILITY_FIELD_WRONG", "consents.methods", UTILITY, '"portal_click"', '"telepathy"'),
    "chunk": Edit("UTILITY_FIELD_WRONG", "chunk_accounts", UTILITY, "chunk_accounts = 250", "chunk_accounts = 0"),
    "route twice": Edit("UTILITY_FIELD_WRONG", "route[2].code", UTILITY, 'code = "R2"', 'code = "R1"'),
    "route code": Edit("UTILITY_FIELD_WRONG", "route[2].code", UTILITY, 'code = "R2"', 'code = "north side"'),
    "a period of five months": Edit(
        "UTILITY_FIELD_WRONG", "route[1].every_months", UTILITY, R1, R1.replace("every_months = 1", "every_months = 5")
    ),
    "a thirteenth month": Edit(
        "UTILITY_FIELD_WRONG", "route[1].first_month", UTILITY, R1, R1.replace("first_month = 1", "first_month = 13")
    ),
    "days backwards": Edit("UTILITY_FIELD_WRONG", "route[1].read_days", UTILITY, R1, R1.replace("22, 28", "28, 22")),
    "one day only": Edit("UTILITY_FIELD_WRONG", "route[1].read_days", UTILITY, R1, R1.replace("22, 28", "28")),
    "a flag as a text": Edit(
        "UTILITY_FIELD_WRONG", "payment.individual_accounts", UTILITY, "accounts = true", 'accounts = "yes"'
    ),
    "seller unknown": Edit("SELLER_INCOMPLETE", "seller.street", UTILITY, "ul. Źródlana 1", "unknown"),
    "sender unknown": Edit(
        "SELLER_INCOMPLETE", "mail.reply_to", UTILITY, 'to = "biuro@wodociagi-zdroje.example', 'to = "unknown'
    ),
    "postcode": Edit("SELLER_POSTCODE", "seller.postcode", UTILITY, '"00-000"', '"00000"'),
    "nowhere to pay": Edit("PAYMENT_NO_ACCOUNT", "payment.bank_account", UTILITY, OWN_ACCOUNT, ""),
    "term of payment": Edit("PAYMENT_DAYS_SHORT", "payment.days", UTILITY, "days = 14", "days = 13"),
    "before the law": Edit("LAW_NO_VALUE", "payment.days", UTILITY, "days = 14", "days = 14", date(2017, 1, 1)),
    "number without its sequence": Edit("NUMBERING_WRONG", "numbering", UTILITY, "{series}/{sequence:06}", "{series}"),
    "series by month alone": Edit("NUMBERING_WRONG", "numbering", UTILITY, "FV/{year}/{month:02}", "FV/{month:02}"),
    "numbers of two months run together": Edit(
        "NUMBERING_REPEATS",
        "numbering.number",
        UTILITY,
        'FV/{year}/{month:02}"\nnumber = "{series}/{sequence:06}',
        'FV/{year}/{month}"\nnumber = "{series}{sequence}',
    ),
    "a series for ever": Edit("NUMBERING_ENDLESS", "numbering.series", UTILITY, "FV/{year}/{month:02}", "FV"),
    "nothing passes a meter": Edit(
        "VOLUME_MAX_NONE", "readings.volume_max_m3_day", UTILITY, "m3_day = 60", "m3_day = 0"
    ),
    "no approver": Edit("APPROVERS_NONE", "approvers", UTILITY, '["approver", "second"]', "[]"),
    "one approver": Edit("APPROVERS_FEW", "approvers", UTILITY, '["approver", "second"]', '["approver", "approver"]'),
    "a demo": Edit("IS_DEMO", "is_demo", UTILITY, "is_demo = false", "is_demo = true"),
    "sender": Edit("MAIL_ADDRESS", "mail.sender_address", UTILITY, "faktury@wodo", "faktury wodo"),
    "answers": Edit("MAIL_ADDRESS", "mail.reply_to", UTILITY, 'to = "biuro@', 'to = "biuro@@'),
    "domain of Message-IDs": Edit(
        "MESSAGE_ID_DOMAIN", "mail.message_id_domain", UTILITY, 'id_domain = "', 'id_domain = "-'
    ),
    "another domain": Edit("SENDER_DOMAIN", "mail.message_id_domain", UTILITY, 'id_domain = "', 'id_domain = "x'),
    "no DKIM": Edit(
        "DKIM_NONE", "mail.dkim_selector", UTILITY, 's1"\ndkim_domain = "wodociagi-zdroje.example"', 'unknown"'
    ),
    "half a DKIM key": Edit("DKIM_INCOMPLETE", "mail.dkim_domain", UTILITY, "dkim_domain = ", "#"),
    "a selector that is no name": Edit("DKIM_INCOMPLETE", "mail.dkim_domain", UTILITY, '"s1"', '"s 1"'),
    "a foreign DKIM key": Edit("DKIM_NOT_ALIGNED", "mail.dkim_domain", UTILITY, 'dkim_domain = "', 'dkim_domain = "x'),
    "no terms": Edit("TERMS_NONE", "terms", UTILITY, terms("1.0", "2026-02-01").strip(), ""),
    "terms to come": Edit(
        "TERMS_FUTURE", "terms", UTILITY, "effective_from = 2026-02-01", "effective_from = 2027-02-01"
    ),
    "no text of the terms": Edit("TERMS_MISSING", "terms[1].file", TERMS, None, None),
    "terms with a gap": Edit("TERMS_UNFINISHED", "", TERMS, "wersja 1.0", "wersja unknown"),
    "terms with a remark": Edit("TERMS_UNFINISHED", "", TERMS, "## § 2.", "<!-- prawnik! -->\n## § 2."),
    "two terms for a day": Edit(
        "TERMS_DATE_TWICE", "terms", UTILITY, "[readings]", terms("1.1", "2026-02-01") + "\n[readings]"
    ),
    "a version twice": Edit(
        "TERMS_VERSION_TWICE", "terms", UTILITY, "[readings]", terms("1.0", "2026-03-01") + "\n[readings]"
    ),
    "no reading counts": Edit(
        "READING_WINDOW_NONE",
        "readings",
        UTILITY,
        "days_before = 10                 # a reading so many days before ...\ndays_after = 10 ",
        "days_before = 0\ndays_after = 0",
    ),
    "the window is wide": Edit("READING_WINDOW_WIDE", "readings", UTILITY, "days_after = 10", "days_after = 20"),
    "no routes": Edit("ROUTES_NONE", "route", UTILITY, "[[route]]", "[[routes]]"),
    "months left over": Edit(
        "ROUTE_YEAR_GAP",
        "route.first_month",
        UTILITY,
        R1,
        R1.replace("every_months = 1", "every_months = 3").replace("first_month = 1", "first_month = 5"),
    ),
    "30 February": Edit("ROUTE_DAYS_OUTSIDE", "route.read_days", UTILITY, R1, R1.replace("22, 28", "22, 30")),
    "readings too early": Edit("ROUTE_DAYS_UNSEEN", "route.read_days", UTILITY, R1, R1.replace("22, 28", "21, 28")),
    "a layout": Edit("PROFILE_WRONG", "", "profiles/supplier.toml", None, 'name = "supplier"\n'),
    "no tariff": Edit("TARIFF_NONE", "", TARIFF, None, None),
    "a tariff to come": Edit("TARIFF_NONE", "valid_from", TARIFF, "2010-01-01", "2026-09-30", date(2026, 9, 29)),
    "a tariff is not TOML": Edit("TARIFF_UNREADABLE", "", TARIFF, "title = ", "title "),
    "no decision": Edit("TARIFF_FIELD_MISSING", "decision", TARIFF, "decision = ", "#"),
    "a price that is a word": Edit("TARIFF_FIELD_WRONG", "price[1].net_zl", TARIFF, "net_zl = 5.25", 'net_zl = "five"'),
    "a price before its tariff": Edit(
        "TARIFF_FIELD_WRONG", "price", TARIFF, "net_zl = 5.25\nvalid_from = 2010", "net_zl = 5.25\nvalid_from = 2009"
    ),
    "a channel": Edit("TARIFF_FIELD_WRONG", "group[3].channel", TARIFF, '"any"', '"pigeon"'),
    "a group that nobody defined": Edit(
        "TARIFF_FIELD_WRONG", "price[5].groups", TARIFF, 'groups = ["G-E"]\nitem', 'groups = ["G-X"]\nitem'
    ),
    "a group twice": Edit("TARIFF_OVERLAP", "group", TARIFF, 'channel = "email"', 'channel = "paper"'),
    "two tariffs from one day": Edit("TARIFF_OVERLAP", "valid_from", "tariffs/2010-zz.toml", None, TARIFF_TEXT),
    "an example that does not recompute": Edit(
        "TARIFF_EXAMPLE_WRONG", "example", TARIFF, "gross_zl = 181.44", "gross_zl = 181.45"
    ),
    "a group without examples": Edit(
        "TARIFF_NO_EXAMPLE", "example", TARIFF, TARIFF_TEXT[TARIFF_TEXT.index('[[example]]\ngroups = ["F"]') :], ""
    ),
    "a price list is not TOML": Edit("PRICE_LIST_UNREADABLE", "", PRICES, "title = ", "title "),
    "an item without a name": Edit("PRICE_LIST_FIELD_MISSING", "item[4].name", PRICES, 'name = "Ponowne', '# "Ponowne'),
    "an item of the tariff": Edit(
        "PRICE_LIST_FIELD_WRONG",
        "item[4].service",
        PRICES,
        'code = "PLOMBA"\nservice = "extra"',
        'code = "PLOMBA"\nservice = "water"',
    ),
    "rain by the piece": Edit("PRICE_LIST_FIELD_WRONG", "item[1].unit", PRICES, '"m2_month"', '"szt."'),
    "a service for nothing": Edit(
        "PRICE_LIST_FIELD_WRONG", "item[4].net_zl", PRICES, "net_zl = 65.00\nvat", "net_zl = 0\nvat"
    ),
    "litres of a service": Edit(
        "PRICE_LIST_FIELD_WRONG", "item[6].m3_per_m2_year", PRICES, 'unit = "mb"', 'unit = "mb"\nm3_per_m2_year = 0.5'
    ),
    "an item twice": Edit("PRICE_LIST_OVERLAP", "", PRICES, 'code = "EKSPERTYZA"', 'code = "PLOMBA"'),
    "an item of two lists": Edit("PRICE_LIST_OVERLAP", "", "price-lists/zz.toml", None, PRICES_TEXT),
    "a sum that is wrong by a grosz": Edit("PRICE_LIST_EXAMPLE_WRONG", "example", PRICES, "222.02", "222.01"),
    "an item without a sum": Edit(
        "PRICE_LIST_NO_EXAMPLE", "example", PRICES, PRICES_TEXT[PRICES_TEXT.rindex("[[example]]") :], ""
    ),
    "a successor without e-invoices": Edit("TARIFF_GAP", "price", "tariffs/2026-zdroje.toml", None, WITHOUT_EMAIL),
    "a service that starts late": Edit(
        "TARIFF_GAP", "price", TARIFF, "net_zl = 7.75\nvalid_from = 2010", "net_zl = 7.75\nvalid_from = 2011"
    ),
    "a service of other classes": Edit("TARIFF_SERVICE_PARTIAL", "price", TARIFF, TARIFF_TEXT, WITHOUT_SEWAGE_FOR_F),
    "a class that begins later": Edit(
        "TARIFF_CLASS_LATER", "group", "tariffs/2026-zdroje.toml", None, WITH_A_NEW_CLASS
    ),
    "a price of nothing": Edit(
        "TARIFF_PRICE_NOT_POSITIVE",
        "price",
        TARIFF,
        TARIFF_TEXT,
        TARIFF_TEXT + A_LATER_PRICE.format(net="0.00", gross="0.00", start="2026-10-01"),
    ),
    "a large step": Edit(
        "TARIFF_STEP_LARGE",
        "price",
        TARIFF,
        TARIFF_TEXT,
        TARIFF_TEXT + A_LATER_PRICE.format(net="57.50", gross="62.10", start="2026-10-01"),
    ),
    "a step that never comes": Edit(
        "TARIFF_STEP_NEVER",
        "price",
        "tariffs/2005-zdroje.toml",
        None,
        AN_EARLIER_TARIFF,
    ),
    "components that miss the rate": Edit(
        "TARIFF_COMPONENTS", "price[4].components", TARIFF, ABONAMENT, ABONAMENT + COMPONENTS.format("4.01")
    ),
    "a flat that pays for readiness": Edit(
        "TARIFF_COMPONENTS",
        "price",
        TARIFF,
        TARIFF_TEXT,
        TARIFF_TEXT.replace(ABONAMENT, ABONAMENT + COMPONENTS.format("4.00")).replace(
            'code = "F"\n', 'code = "F"\nmetering = "flat"\n'
        ),
    ),
    "a threshold below the norms": Edit("TARIFF_BLOCK_LOW", "price.block", TARIFF, TARIFF_TEXT, WITH_BLOCKS),
    "a tariff that is over": Edit(
        "TARIFF_PROLONGED",
        "valid_until",
        TARIFF,
        "valid_from = 2010-01-01\nstanding",
        "valid_from = 2010-01-01\nvalid_until = 2026-09-30\nstanding",
    ),
    "a payer whom no tariff prices any more": Edit(
        "TARIFF_GAP", "price", "tariffs/2026-zdroje.toml", None, FOR_NATURAL_PERSONS
    ),
    "a decision that nobody knows": Edit(
        "TARIFF_DECISION_UNKNOWN", "decision", TARIFF, "fikcyjna (miasto przykładowe)", "unknown"
    ),
    "a basis that nobody knows": Edit(
        "TARIFF_DECISION_UNKNOWN", "price.basis", TARIFF, 'basis = "fictitious"', 'basis = "unknown"'
    ),
    "a planned tariff with gaps": Edit(
        "TARIFF_PLANNED_UNFINISHED",
        "",
        "tariffs/planned/next.toml",
        None,
        SUCCESSOR.replace("net_zl = 5.25", 'net_zl = "unknown"'),
    ),
}


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path.name} has no {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def apply(edit: Edit, folder: Path) -> None:
    path = folder / edit.file
    if edit.new is None:
        path.unlink()
    elif edit.old is None:
        path.write_text(edit.new, encoding="utf-8")
    else:
        change(path, edit.old, edit.new)
