"""One utility's terms: who sells, how invoices are numbered and sent, which named models apply. Data, no code.

``utility.toml`` is read as text and checked as a whole. A value that nobody knows is written ``unknown``; a folder
whose seller or sender is unknown may be quoted from, but nothing can be issued with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from enum import StrEnum

from billing.accounts import Address, Channel
from billing.appearance import Appearance, read_appearance
from billing.charges import LineRounding
from billing.consents import ConsentMethod, ConsentRule, EffectiveRule
from billing.errors import DataRefused
from billing.estimation_rules import EstimationRules, read_estimation_rules
from billing.identifiers import is_nip, is_nrb, is_regon
from billing.invoices import Seller
from billing.law import AnswerTerm
from billing.models import Models, read_models
from billing.numbering import Numbering, series_on
from billing.reading_rules import CheckRules, read_check_rules
from billing.routes import Route, read_routes
from billing.sender import UNKNOWN, Mail, read_mail
from billing.toml_fields import Fault, Fields, read_fields
from billing.vat import VatModel

_MAY_STAY_UNKNOWN = ("dkim_selector", "dkim_domain")
CORRECTIONS = Numbering(series_pattern="FK/{year}/{month:02}", number_pattern="{series}/{sequence:06}")
"""How corrections are numbered where the utility says nothing of them."""
_ANY_DAY = date(2026, 10, 31)


class ConsentMode(StrEnum):
    """Whether accepting the portal's terms also accepts e-invoices (``bundled``), or a statement of its own does."""

    BUNDLED = "bundled"
    SEPARATE = "separate"


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
    ``checks`` are the thresholds of the checks of readings, by which readers are warned too;
    ``bank_account`` is the utility's own NRB, for a customer without an account of its own; with
    ``individual_accounts`` every customer must have one; ``routes`` is the calendar of readings;
    ``answer_term`` is another term for answering complaints than the law's, None without a provision that sets one.
    Corrections have a series of their own, ``correction_numbering``; ``appearance`` is that of the documents.
    """

    name: str
    is_demo: bool
    seller: Seller
    numbering: Numbering
    payment_days: int
    sending_allowance_days: Mapping[Channel, int]
    issue_time: time
    mail: Mail
    models: Models
    consents: ConsentTerms
    terms: tuple[TermsVersion, ...]
    approvers: tuple[str, ...]
    reading_window: ReadingWindow
    reject_share_max: Decimal
    checks: CheckRules
    chunk_accounts: int
    bank_account: str | None = None
    individual_accounts: bool = False
    routes: tuple[Route, ...] = ()
    answer_term: AnswerTerm | None = None
    estimation: EstimationRules = field(default_factory=EstimationRules)
    correction_numbering: Numbering = CORRECTIONS
    appearance: Appearance = field(default_factory=Appearance)

    def terms_on(self, day: date) -> TermsVersion | None:
        """The regulamin in force on a day."""
        begun = [version for version in self.terms if version.effective_from <= day]
        return max(begun, key=lambda version: version.effective_from, default=None)


def load_utility(text: str, *, name: str, seller_needed: bool = True, faults: list[Fault] | None = None) -> Utility:
    """The utility that a ``utility.toml`` describes; ``name`` is the name of its folder.

    Without ``seller_needed`` unknown fields of seller and sender stay ``unknown``: for quoting, never for issuing.
    With ``faults`` every refusal of a field is kept there: for looking at a file, never for billing by it.

    Raises:
        DataRefused: ``UTILITY_UNREADABLE``, ``UTILITY_FIELD_MISSING``, ``UTILITY_FIELD_WRONG``,
            ``SELLER_INCOMPLETE`` or ``NUMBERING_WRONG``; see ``docs/law/codes.md``.
    """
    top = read_fields(text, name=f"{name}/utility.toml", kind="UTILITY", faults=faults)
    top.known(
        *("is_demo", "seller", "numbering", "payment", "issue_time", "mail", "vat_model", "line_rounding"),
        *("models", "consents", "terms", "approvers", "readings", "chunk_accounts", "route", "complaints", "look"),
    )
    seller, mail, payment, readings = (top.within(part) for part in ("seller", "mail", "payment", "readings"))
    if seller_needed:
        _refuse_unknown(seller, mail, payment)
    readings.known(
        *("days_before", "days_after", "reject_share_max", "volume_max_m3_day", "checks", "estimation"),
        "estimate_override_two_persons",
    )
    numbering = _numbering(top)
    return Utility(
        name=name,
        is_demo=top.flag("is_demo", default=False),
        seller=_seller(seller),
        numbering=numbering,
        payment_days=payment.integer("days"),
        sending_allowance_days=_allowances(payment.within("allowance_days")),
        issue_time=top.clock("issue_time"),
        mail=read_mail(mail),
        models=_models(top, readings),
        consents=_consents(top.within("consents")),
        terms=tuple(_terms_version(fields) for fields in top.each("terms")),
        approvers=top.texts("approvers"),
        reading_window=ReadingWindow(
            days_before=readings.integer("days_before"), days_after=readings.integer("days_after")
        ),
        reject_share_max=readings.decimal("reject_share_max", places=4),
        checks=read_check_rules(readings.within("checks", default={})),
        chunk_accounts=_chunk_accounts(top),
        bank_account=_bank_account(payment),
        individual_accounts=payment.flag("individual_accounts", default=False),
        routes=tuple(read_routes(top)),
        estimation=read_estimation_rules(readings),
        answer_term=_answer_term(top.within("complaints")) if "complaints" in top.table else None,
        correction_numbering=_correction_numbering(top, numbering),
        appearance=read_appearance(top.within("look", default={})),
    )


def _models(top: Fields, readings: Fields) -> Models:
    vat, line_rounding = top.choice("vat_model", VatModel), top.choice("line_rounding", LineRounding)
    if vat is VatModel.PER_LINE and line_rounding is LineRounding.RATE_SUM:
        with top.keeping("line_rounding"):
            raise top.refuse("FIELD_WRONG", f"{vat} taxes each rounded line, so line_rounding must be each_line")
    return read_models(
        top.within("models", default={}),
        vat=vat,
        line_rounding=line_rounding,
        volume_max_m3_day=readings.decimal("volume_max_m3_day", places=3),
    )


def _refuse_unknown(*parts: Fields) -> None:
    for part in parts:
        unknown = [name for name, value in part.table.items() if value == UNKNOWN and name not in _MAY_STAY_UNKNOWN]
        for name in unknown:
            named = ", ".join(unknown if part.faults is None else [name])
            with part.keeping(name):
                raise DataRefused("SELLER_INCOMPLETE", f"{part.where}: complete {named} before anything is issued")


def _seller(fields: Fields) -> Seller:
    fields.known("name", "street", "postcode", "city", "nip", "regon", "phone", "email", "website")
    nip, regon = fields.text("nip"), fields.text("regon")
    for label, number, is_valid in (("nip", nip, is_nip), ("regon", regon, is_regon)):
        if number not in {"", UNKNOWN} and not is_valid(number):
            with fields.keeping(label):
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


def _numbering(top: Fields) -> Numbering:
    fields = top.within("numbering")
    fields.known("series", "number", "correction_series", "correction_number")
    series, number = fields.text("series"), fields.text("number")
    with top.keeping("numbering"):
        if series and number:
            return Numbering(series_pattern=series, number_pattern=number)
    return Numbering(series_pattern="{year}", number_pattern="{series}/{sequence}")


def _correction_numbering(top: Fields, numbering: Numbering) -> Numbering:
    fields = top.within("numbering")
    series = fields.text("correction_series", default=CORRECTIONS.series_pattern)
    number = fields.text("correction_number", default=CORRECTIONS.number_pattern)
    with top.keeping("numbering"):
        found = Numbering(series_pattern=series, number_pattern=number)
        if series_on(numbering=found, issue_date=_ANY_DAY) == series_on(numbering=numbering, issue_date=_ANY_DAY):
            raise DataRefused("NUMBERING_WRONG", "corrections need a series of their own: correction_series")
        return found
    return CORRECTIONS


def _allowances(fields: Fields) -> dict[Channel, int]:
    fields.known(*Channel)
    return {channel: fields.integer(channel) for channel in Channel}


def _consents(fields: Fields) -> ConsentTerms:
    fields.known("mode", "methods", "paper_form_start", "withdraw_rule")
    methods = fields.texts("methods")
    if fields.is_sound("methods") and (not methods or not set(methods) <= set(ConsentMethod)):
        with fields.keeping("methods"):
            raise fields.refuse("FIELD_WRONG", f"methods must be some of {', '.join(ConsentMethod)}")
    rule = ConsentRule(
        paper_form_start=fields.choice("paper_form_start", EffectiveRule),
        withdraw=fields.choice("withdraw_rule", EffectiveRule),
    )
    return ConsentTerms(
        mode=fields.choice("mode", ConsentMode),
        methods=frozenset(method for method in ConsentMethod if method in methods),
        rule=rule,
    )


def _terms_version(fields: Fields) -> TermsVersion:
    fields.known("version", "effective_from", "file")
    return TermsVersion(
        version=fields.text("version"), effective_from=fields.day("effective_from"), file=fields.text("file")
    )


def _answer_term(fields: Fields) -> AnswerTerm:
    fields.known("answer_days", "basis")
    days = fields.integer("answer_days")
    if days < 1 and fields.is_sound("answer_days"):
        with fields.keeping("answer_days"):
            raise fields.refuse("FIELD_WRONG", "answer_days must be at least 1")
    return AnswerTerm(days=days, basis=fields.text("basis"))


def _chunk_accounts(fields: Fields) -> int:
    chunk_accounts = fields.integer("chunk_accounts")
    if chunk_accounts < 1 and fields.is_sound("chunk_accounts"):
        with fields.keeping("chunk_accounts"):
            raise fields.refuse("FIELD_WRONG", "chunk_accounts must be at least 1")
    return chunk_accounts


def _bank_account(fields: Fields) -> str | None:
    fields.known("days", "allowance_days", "bank_account", "individual_accounts")
    written = fields.text("bank_account", default=UNKNOWN)
    number = "".join(written.split()).removeprefix("PL")
    if written not in {"", UNKNOWN} and not is_nrb(number):
        with fields.keeping("bank_account"):
            raise fields.refuse("FIELD_WRONG", f"bank_account = {written!r} has a wrong check digit or length")
    return None if written == UNKNOWN else number
