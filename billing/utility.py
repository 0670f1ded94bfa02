"""One utility's terms: who sells, how invoices are numbered and sent, which named models apply. Data, no code.

``utility.toml`` is read as text and checked as a whole. A value that nobody knows is written ``unknown``; a folder
whose seller or sender is unknown may be quoted from, but nothing can be issued with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from enum import StrEnum

from billing.accounts import Address, Channel
from billing.consents import ConsentMethod, ConsentRule, EffectiveRule
from billing.errors import DataRefused
from billing.identifiers import is_nip, is_regon
from billing.invoices import Seller
from billing.numbering import Numbering
from billing.reading_limits import LimitRules, read_limit_rules
from billing.toml_fields import Fields, read_fields
from billing.vat import VatModel

UNKNOWN = "unknown"


class LineRounding(StrEnum):
    """``each_line``: quantity times price is rounded to the grosz on its line, and sums are of rounded lines."""

    EACH_LINE = "each_line"


class ConsentMode(StrEnum):
    """Whether accepting the portal's terms also accepts e-invoices (``bundled``), or a statement of its own does."""

    BUNDLED = "bundled"
    SEPARATE = "separate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """From whom e-invoices come; Message-IDs are made in ``message_id_domain``."""

    sender_name: str
    sender_address: str
    reply_to: str
    message_id_domain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentTerms:
    """How customers move to e-invoices and back."""

    mode: ConsentMode
    methods: frozenset[ConsentMethod]
    rule: ConsentRule


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsVersion:
    """A version of the regulamin of the e-faktura; ``file`` is relative to the utility's folder."""

    version: str
    effective_from: date
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingWindow:
    """A reading taken so many days around the end of the cycle's period counts as its current one."""

    days_before: int
    days_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Utility:
    """Everything in which one utility differs from another, apart from its tariffs.

    ``issue_time`` is of Europe/Warsaw; ``sending_allowance_days`` separate issue from planned sending by carrier;
    ``reject_share_max`` is the share of refused rows above which a reading file is refused as a whole;
    ``chunk_accounts`` are rated, or rendered, by one task;
    ``volume_max_m3_day`` is more than any of its meters can pass in a day; ``reading_limits`` are what readers check
    an index against.
    """

    name: str
    is_demo: bool
    seller: Seller
    numbering: Numbering
    payment_days: int
    sending_allowance_days: Mapping[Channel, int]
    issue_time: time
    mail: Mail
    vat_model: VatModel
    line_rounding: LineRounding
    consents: ConsentTerms
    terms: tuple[TermsVersion, ...]
    approvers: tuple[str, ...]
    reading_window: ReadingWindow
    reject_share_max: Decimal
    volume_max_m3_day: Decimal
    reading_limits: LimitRules
    chunk_accounts: int

    def terms_on(self, day: date) -> TermsVersion | None:
        """The regulamin in force on a day."""
        begun = [version for version in self.terms if version.effective_from <= day]
        return max(begun, key=lambda version: version.effective_from, default=None)


def load_utility(text: str, *, name: str, seller_needed: bool = True) -> Utility:
    """The utility that a ``utility.toml`` describes; ``name`` is the name of its folder.

    Without ``seller_needed`` unknown fields of seller and sender stay ``unknown``: for quoting, never for issuing.

    Raises:
        DataRefused: ``UTILITY_UNREADABLE``, ``UTILITY_FIELD_MISSING``, ``UTILITY_FIELD_WRONG``,
            ``SELLER_INCOMPLETE`` or ``NUMBERING_WRONG``; see ``docs/law/codes.md``.
    """
    top = read_fields(text, name=f"{name}/utility.toml", kind="UTILITY")
    top.known(
        *("is_demo", "seller", "numbering", "payment", "issue_time", "mail", "vat_model", "line_rounding"),
        *("consents", "terms", "approvers", "readings", "chunk_accounts"),
    )
    seller, mail, payment, readings = (top.within(part) for part in ("seller", "mail", "payment", "readings"))
    if seller_needed:
        _refuse_unknown(seller, mail)
    payment.known("days", "allowance_days")
    readings.known("days_before", "days_after", "reject_share_max", "volume_max_m3_day", "limits")
    return Utility(
        name=name,
        is_demo=top.flag("is_demo", default=False),
        seller=_seller(seller),
        numbering=_numbering(top.within("numbering")),
        payment_days=payment.integer("days"),
        sending_allowance_days=_allowances(payment.within("allowance_days")),
        issue_time=top.clock("issue_time"),
        mail=_mail(mail),
        vat_model=top.choice("vat_model", VatModel),
        line_rounding=top.choice("line_rounding", LineRounding),
        consents=_consents(top.within("consents")),
        terms=tuple(_terms_version(fields) for fields in top.each("terms")),
        approvers=top.texts("approvers"),
        reading_window=ReadingWindow(
            days_before=readings.integer("days_before"), days_after=readings.integer("days_after")
        ),
        reject_share_max=readings.decimal("reject_share_max", places=4),
        volume_max_m3_day=readings.decimal("volume_max_m3_day", places=3),
        reading_limits=read_limit_rules(readings.within("limits", default={})),
        chunk_accounts=_chunk_accounts(top),
    )


def _refuse_unknown(*parts: Fields) -> None:
    for part in parts:
        unknown = [name for name, value in part.table.items() if value == UNKNOWN]
        if unknown:
            raise DataRefused(
                "SELLER_INCOMPLETE", f"{part.where}: complete {', '.join(unknown)} before anything is issued"
            )


def _seller(fields: Fields) -> Seller:
    fields.known("name", "street", "postcode", "city", "nip", "regon", "phone", "email", "website")
    nip, regon = fields.text("nip"), fields.text("regon")
    for label, number, is_valid in (("nip", nip, is_nip), ("regon", regon, is_regon)):
        if number != UNKNOWN and not is_valid(number):
            raise fields.refuse("FIELD_WRONG", f"{label} = {number!r} has a wrong check digit or length")
    return Seller(
        name=fields.text("name"),
        address=Address(street=fields.text("street"), postcode=fields.text("postcode"), city=fields.text("city")),
        nip=nip,
        regon=regon,
        phone=fields.text("phone"),
        email=fields.text("email"),
        website=fields.text("website"),
    )


def _numbering(fields: Fields) -> Numbering:
    fields.known("series", "number")
    return Numbering(series_pattern=fields.text("series"), number_pattern=fields.text("number"))


def _allowances(fields: Fields) -> dict[Channel, int]:
    fields.known(*Channel)
    return {channel: fields.integer(channel) for channel in Channel}


def _mail(fields: Fields) -> Mail:
    fields.known("sender_name", "sender_address", "reply_to", "message_id_domain")
    return Mail(
        sender_name=fields.text("sender_name"),
        sender_address=fields.text("sender_address"),
        reply_to=fields.text("reply_to"),
        message_id_domain=fields.text("message_id_domain"),
    )


def _consents(fields: Fields) -> ConsentTerms:
    fields.known("mode", "methods", "paper_form_start", "withdraw_rule")
    methods = fields.texts("methods")
    if not methods or not set(methods) <= set(ConsentMethod):
        raise fields.refuse("FIELD_WRONG", f"methods must be some of {', '.join(ConsentMethod)}")
    rule = ConsentRule(
        paper_form_start=fields.choice("paper_form_start", EffectiveRule),
        withdraw=fields.choice("withdraw_rule", EffectiveRule),
    )
    return ConsentTerms(
        mode=fields.choice("mode", ConsentMode),
        methods=frozenset(ConsentMethod(method) for method in methods),
        rule=rule,
    )


def _terms_version(fields: Fields) -> TermsVersion:
    fields.known("version", "effective_from", "file")
    return TermsVersion(
        version=fields.text("version"), effective_from=fields.day("effective_from"), file=fields.text("file")
    )


def _chunk_accounts(fields: Fields) -> int:
    chunk_accounts = fields.integer("chunk_accounts")
    if chunk_accounts < 1:
        raise fields.refuse("FIELD_WRONG", "chunk_accounts must be at least 1")
    return chunk_accounts
