"""The old system's own arithmetic, in plain decimals: no module of ours computes here.

A town of fifteen sound accounts and one for each cause, billed for July 2026 on August 3 at the prices of the tariff
files that ``write_utility`` lays out. ``write_cycle`` writes what the old system hands over of that cycle, faults and
all.
"""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from pathlib import Path

from town import HEADERS, bank_account

PRICES = {"household": (Decimal("5.40"), Decimal("7.80")), "business": (Decimal("5.90"), Decimal("7.80"))}
OLD_PRICES = {"household": (Decimal("5.25"), Decimal("7.75"))}
STANDING = {("household", "paper"): Decimal("12.00"), ("household", "email"): Decimal("8.30")}
STANDING |= {("business", "paper"): Decimal("12.00"), ("business", "email"): Decimal("12.00")}
GROUPS = {("household", "paper"): "G-P", ("household", "email"): "G-E"}
GROUPS |= {("business", "paper"): "F", ("business", "email"): "F"}
CHANGE = "2026-06-30"
"""From this day on the newer prices hold."""

FAULTS = (
    *("missing_here", "missing_there", "missing_reading", "hold", "group", "service", "split", "standing", "period"),
    *("quantity", "price", "vat", "rounding", "other"),
)
SOUND = tuple(f"S{number:03}" for number in range(1, 16))


@dataclass(frozen=True)
class Line:
    service: str
    start: str
    until: str
    before: Decimal | None
    after: Decimal | None
    quantity: Decimal
    price: Decimal
    meter: str = ""

    @property
    def net(self) -> Decimal:
        return (self.quantity * self.price).quantize(Decimal("0.01"), ROUND_HALF_UP)


@dataclass(frozen=True)
class Old:
    """An account as the old system knows it, and the invoice that it made."""

    no: str
    kind: str = "household"
    channel: str = "paper"
    services: tuple[str, ...] = ("water", "sewage")
    readings: tuple[tuple[str, Decimal], ...] = ()
    lines: tuple[Line, ...] = ()
    net_off: Decimal = Decimal(0)
    vat_off: Decimal = Decimal(0)
    gross_off: Decimal = Decimal(0)
    group: str = ""
    registered: bool = True
    invoiced: bool = True
    meter: str = field(default="")

    @property
    def net(self) -> Decimal:
        return sum((line.net for line in self.lines), Decimal(0)) + self.net_off

    @property
    def vat(self) -> Decimal:
        return (self.net * Decimal("0.08")).quantize(Decimal("0.01"), ROUND_HALF_UP) + self.vat_off

    @property
    def gross(self) -> Decimal:
        return self.net + self.vat + self.gross_off


def town() -> dict[str, Old]:
    """Every account by its number; those of the faults bear the name of their cause."""
    made = {no: _account(no, place) for place, no in enumerate(SOUND)}
    for place, cause in enumerate(FAULTS, start=len(SOUND)):
        no = cause.upper()
        made[no] = FAULTY[cause](_account(no, place))
    return made


def _account(no: str, place: int) -> Old:
    kind = "business" if place % 7 == 3 else "household"
    channel = "email" if place % 3 == 1 and kind == "household" else "paper"
    services = ("water",) if place % 5 == 4 else ("water", "sewage")
    first = Decimal(100 + place) + Decimal("0.437") * place
    used = Decimal(3 + place) + Decimal("0.281") * place
    readings = (("2026-06-30", first), ("2026-07-31", first + used))
    return rated(Old(no=no, kind=kind, channel=channel, services=services, readings=readings, meter=f"M-{no}"))


def rated(account: Old) -> Old:
    """The account with the invoice that its readings, class and channel give."""
    (start, first), (until, last) = account.readings[0], account.readings[-1]
    before, after = (index.to_integral_value(ROUND_DOWN) for index in (first, last))
    prices = dict(zip(("water", "sewage"), PRICES[account.kind], strict=True))
    lines = [
        Line(service, start, until, before, after, after - before, prices[service], account.meter)
        for service in account.services
    ]
    standing = STANDING[account.kind, account.channel]
    lines.append(Line("abonament", "2026-07-01", "2026-08-01", None, None, Decimal(1), standing))
    return replace(account, lines=tuple(lines), group=GROUPS[account.kind, account.channel])


def _group(account: Old) -> Old:
    """They invoice by e-mail at its price; nobody handed the consent over."""
    return rated(replace(account, kind="household", channel="email"))


def _service(account: Old) -> Old:
    """They bill sewage that is not under contract."""
    sound = rated(replace(account, services=("water", "sewage")))
    return replace(sound, services=("water",))


def _split(account: Old) -> Old:
    """Read ten days before the change of price; they share the m³ between both prices."""
    (_, first), (until, last) = account.readings
    before, after = (index.to_integral_value(ROUND_DOWN) for index in (first, last))
    account = replace(account, kind="household", services=("water",), readings=(("2026-06-20", first), (until, last)))
    middle = before + 2
    old, new = OLD_PRICES["household"][0], PRICES["household"][0]
    parts = (
        Line("water", "2026-06-20", CHANGE, before, middle, middle - before, old, account.meter),
        Line("water", CHANGE, until, middle, after, after - middle, new, account.meter),
    )
    return replace(account, lines=(*parts, *rated(account).lines[-1:]), group="G-P")


def _quantity(account: Old) -> Old:
    """They round the index half up where we cut it."""
    (start, first), (until, last) = account.readings
    last = last.to_integral_value(ROUND_DOWN) + Decimal("0.700")
    sound = rated(replace(account, readings=((start, first), (until, last))))
    lines = [
        replace(line, after=line.after + 1, quantity=line.quantity + 1) if line.after is not None else line
        for line in sound.lines
    ]
    return replace(sound, lines=tuple(lines))


def _each(account: Old, change: Callable[[Line], Line], *, standing: bool = False) -> Old:
    return replace(
        account,
        lines=tuple(change(line) if (line.service == "abonament") is standing else line for line in account.lines),
    )


FAULTY: dict[str, Callable[[Old], Old]] = {
    "missing_here": lambda account: replace(account, registered=False),
    "missing_there": lambda account: replace(account, invoiced=False),
    "missing_reading": lambda account: replace(account, readings=account.readings[:1]),
    "hold": lambda account: account,  # its nabywca is not in the registry
    "group": _group,
    "service": _service,
    "split": _split,
    "standing": lambda account: replace(account, lines=account.lines[:-1]),
    "period": lambda account: _each(
        account, lambda line: replace(line, quantity=Decimal(2), start="2026-06-01"), standing=True
    ),
    "quantity": _quantity,
    "price": lambda account: _each(account, lambda line: replace(line, price=line.price + Decimal("0.0100"))),
    "vat": lambda account: replace(account, vat_off=Decimal("1.15")),
    "rounding": lambda account: replace(account, vat_off=Decimal("0.01")),
    "other": lambda account: replace(account, net_off=Decimal("5.00")),
}


# ── files ───────────────────────────────────────────────────────────────────────────────────────────────────────
def write_utility(folder: Path, demo: Path) -> Path:
    """The demo utility with a second tariff, whose prices are those of ``PRICES``."""
    shutil.copytree(demo, folder)
    first = (folder / "tariffs" / "2010-zdroje.toml").read_text(encoding="utf-8")
    second = first.replace("valid_from = 2010-01-01", f"valid_from = {CHANGE}").replace("Zdroje", "Zdroje, druga")
    for old, new in (("5.25", "5.40"), ("5.75", "5.90"), ("7.75", "7.80")):
        second = second.replace(f"net_zl = {old}", f"net_zl = {new}")
    head = second.partition("[[example]]")[0]
    (folder / "tariffs" / "2026-zdroje.toml").write_text(head + _EXAMPLES, encoding="utf-8")
    return folder


_EXAMPLES = """
[[example]]
groups = ["G-P"]
on = 2026-09-30
water = 10
sewage = 10
abonament = 1
net_zl = 144.00
gross_zl = 155.52
source = "by hand: 54.00 + 78.00 + 12.00 = 144.00; VAT 8 % = 11.52"

[[example]]
groups = ["G-E"]
on = 2026-09-30
water = 10
sewage = 10
abonament = 1
net_zl = 140.30
gross_zl = 151.52
source = "by hand: 54.00 + 78.00 + 8.30 = 140.30; VAT 8 % = 11.224, rounded 11.22"

[[example]]
groups = ["F"]
on = 2026-09-30
water = 10
sewage = 10
abonament = 1
net_zl = 149.00
gross_zl = 160.92
source = "by hand: 59.00 + 78.00 + 12.00 = 149.00; VAT 8 % = 11.92"
"""


def write_registry(folder: Path, accounts: Iterable[Old]) -> Path:
    """Registry files of every account that is registered; the consents are another file."""
    rows: dict[str, list[str]] = {name: [] for name in HEADERS}
    for place, one in enumerate(account for account in accounts if account.registered):
        rows["parties"].append(f"P-{one.no};natural_person;Jan Żak {place};;ul. Długa {place};00-001;Zdroje")
        rows["accounts"].append(f"{one.no};R1;{bank_account(str(place + 1))}")
        roles = ("payer",) if one.no == "HOLD" else ("payer", "nabywca")
        rows["account_parties"] += [f"{one.no};{role};P-{one.no};2020-01-01;" for role in roles]
        rows["points"].append(f"PT-{one.no};ul. Długa {place};00-001;Zdroje")
        services = "+".join(one.services)
        rows["contracts"].append(f"C-{one.no};{one.no};PT-{one.no};{one.kind};{services};2020-01-01;")
        rows["meters"].append(f"{one.meter};PT-{one.no};5;0;2020-01-01;0;;")
    folder.mkdir(parents=True, exist_ok=True)
    for name, header in HEADERS.items():
        if rows[name]:
            (folder / f"{name}.csv").write_text("\n".join((header, *rows[name], "")), encoding="utf-8")
    return folder


def write_consents(path: Path, accounts: Iterable[Old]) -> Path:
    """Acceptances of everybody whom the old system invoices by e-mail."""
    header = "account_no;event;method;occurred_at;received_at;terms_label;email;evidence"
    lines = [
        f"{one.no};accept;staff_import;2026-03-01;2026-03-02;1.0;{one.no.lower()}@example.com;old log"
        for one in accounts
        if one.channel == "email" and one.registered
    ]
    path.write_text("\n".join((header, *lines, "")), encoding="utf-8")
    return path


def write_cycle(folder: Path, accounts: Iterable[Old]) -> Path:
    """``invoices.csv``, ``lines.csv`` and ``readings.csv`` of July."""
    accounts = list(accounts)
    heads = [
        f"F/{one.no};{one.no};2026-07;2026-08-03;{one.net};{one.vat};{one.gross};{one.channel};{one.group}"
        for one in accounts
        if one.invoiced
    ]
    lines = [_line(one, line) for one in accounts if one.invoiced for line in one.lines]
    readings = [f"PT-{one.no};{one.meter};0;{day};{index};actual" for one in accounts for day, index in one.readings]
    contents = {
        "invoices": ("invoice_no;account_no;period;issue_date;net_zl;vat_zl;gross_zl;channel;group", heads),
        "lines": (
            "invoice_no;point_no;service;meter_no;from;until;previous_index;current_index;quantity;unit;price_zl;net_zl",
            lines,
        ),
        "readings": ("point_no;meter_no;register;read_on;index;quality", readings),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, (header, rows) in contents.items():
        (folder / f"{name}.csv").write_text("\n".join((header, *rows, "")), encoding="utf-8")
    return folder


def _line(one: Old, line: Line) -> str:
    metered = line.meter != ""
    place, unit = (f"PT-{one.no}", "m3") if metered else ("", "month")
    indexes = f"{line.before};{line.after}" if metered else ";"
    head = f"F/{one.no};{place};{line.service};{line.meter};{line.start};{line.until}"
    return f"{head};{indexes};{line.quantity};{unit};{line.price};{line.net}"
