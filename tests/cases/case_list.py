"""The published list of the cases, made from their ``given.toml``: for whoever answers for the figures."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from billing.accounts import Service
from billing.cases import Case
from billing.holds import HoldCode
from billing.polish import NBSP, format_amount, format_quantity
from billing.polish_bill_changes import SERVICES
from billing.polish_holds import TOLD, tell_facts

_ACT = re.compile(r"(?=art\.|§)")
LISTED_MOST = 12
"""Cases of one provision that are named; a provision of nearly every invoice would only fill the page."""

HEAD = """# Przypadki rozliczeń

*English: every case that the tests compute, with its legal basis, the arithmetic by hand and the result. Made from
`tests/cases/*/given.toml` by `pytest tests/cases --update-cases`; do not edit.*

Każdy przypadek jest opisanym kontem, które program rozlicza przy każdej zmianie. Kwoty policzono ręcznie; program
musi dać te same co do grosza. Ceny są netto, w złotych; kwoty „do zapłaty” obejmują VAT. Skróty: „uzzwś” to ustawa
z 7 czerwca 2001 r. o zbiorowym zaopatrzeniu w wodę i zbiorowym odprowadzaniu ścieków, „Rozp. 2018” to rozporządzenie
z 27 lutego 2018 r. w sprawie określania taryf (Dz.U. 2018 poz. 472 ze zm.). Źródła: [sources.md](sources.md), kody
wstrzymań: [codes.md](codes.md). Opis konta i jak go policzyć samemu: [quote.md](../quote.md).
"""


def case_list(cases: Mapping[str, Case]) -> str:
    """The page: invoices, accounts that wait, and an index by provision."""
    invoices = {name: case for name, case in cases.items() if case.expected["outcome"] == "invoice"}
    holds = {name: case for name, case in cases.items() if name not in invoices}
    parts = [
        HEAD,
        f"## Faktury ({len(invoices)})\n",
        *(_told(name, case) for name, case in sorted(invoices.items())),
        f"## Konta, których się nie fakturuje ({len(holds)})\n",
        *(_told(name, case) for name, case in sorted(holds.items())),
        "## Według przepisu\n",
        "\n".join(_index(cases)),
    ]
    return "\n".join(parts) + "\n"


def _told(name: str, case: Case) -> str:
    expected = case.expected
    bases = dict.fromkeys(line["basis"] for line in expected.get("line", ()))
    basis = "; ".join(dict.fromkeys(piece for text in bases for piece in text.split("; "))) or expected.get("basis", "")
    lines = [f"### {name}", "", case.why, "", f"- Podstawa: {basis}"]
    if "line" in expected:
        lines.append(f"- Rachunek: {'; '.join(_line(line) for line in expected['line'])}")
        lines.append(f"- VAT: {_amount(expected['vat_zl'])} ({expected['vat_basis']})")
    lines.append(f"- Wynik: {_result(expected)}")
    return "\n".join(lines) + "\n"


def _line(line: Mapping[str, Any]) -> str:
    name = SERVICES[Service(line["service"])]
    point = f" ({line['point_no']})" if "point_no" in line else ""
    product = f"{_quantity(line['quantity'])} × {_number(line['price_zl'])} = "
    if line["service"] == Service.EXCESS:
        product = ""  # the working has the third factor: how far above what is permitted
    net = f"{product}{_amount(line['net_zl'])}"
    return f"{name}{point}: {net} [{line['working']}]"


def _result(expected: Mapping[str, Any]) -> str:
    held = "" if expected["outcome"] == "invoice" else _held(expected)
    if "net_zl" not in expected:
        return held
    payable = expected.get("payable_zl", expected["gross_zl"])
    sums = f"netto {_amount(expected['net_zl'])} + VAT {_amount(expected['vat_zl'])} = {_amount(expected['gross_zl'])}"
    return "; ".join(text for text in (held, sums, f"do zapłaty **{_amount(payable)} zł**") if text)


def _held(expected: Mapping[str, Any]) -> str:
    code = HoldCode(expected["outcome"])
    facts = tell_facts({key: str(value) for key, value in expected.get("facts", {}).items()})
    return f"bez faktury, `{code}`: {TOLD[code]}" + (f" ({facts.replace(NBSP, ' ')})" if facts else "")


def _index(cases: Mapping[str, Case]) -> Iterator[str]:
    found: dict[str, set[str]] = defaultdict(set)
    for name, case in cases.items():
        for basis in _bases(case.expected):
            act = ""
            for piece in basis.split(";"):
                provision = piece.partition(":")[0].partition("(")[0].strip()
                if "art." in provision or "§" in provision:
                    # a basis names its act once, an index each time
                    act = _ACT.split(provision)[0] or act
                    found[act + provision.removeprefix(act)].add(name)
    for provision, names in sorted(found.items()):
        links = ", ".join(f"[{name}](#{name})" for name in sorted(names))
        yield f"- **{provision}**: {links if len(names) <= LISTED_MOST else _cases(len(names))}"


def _cases(number: int) -> str:
    few = number % 10 in {2, 3, 4} and number % 100 not in {12, 13, 14}
    return f"{number} {'przypadki' if few else 'przypadków'}"


def _bases(expected: Mapping[str, Any]) -> Iterable[str]:
    lines = expected.get("line", ())
    return [line["basis"] for line in lines] + [expected[key] for key in ("basis", "vat_basis") if key in expected]


def _amount(amount_zl: Decimal | int) -> str:
    return format_amount(Decimal(amount_zl)).replace(NBSP, " ")


def _number(number: Decimal | int) -> str:
    return f"{number}".replace(".", ",")


def _quantity(quantity: Decimal | int) -> str:
    return format_quantity(Decimal(quantity)).replace(NBSP, " ")
