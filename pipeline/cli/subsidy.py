"""``obieg subsidy``: what gminas owe for subsidised prices."""

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from billing.canonical import to_data
from billing.polish import format_m3, format_percent, format_price, format_zl
from pipeline import subsidy_claims
from pipeline.cli.answer import Answer
from pipeline.cli.commands import command_of, day, topic_of
from pipeline.subsidy_claims import Claim, GminaTotal, SubsidyClaims
from pipeline.work import Work


def add(topics: Any) -> None:
    """The topic and its command."""
    topic = topic_of(topics, "subsidy", "subsidies of gminas")
    listing = command_of(topic, "claims", "what each gmina owes for the invoices issued in a period", claims)
    listing.add_argument("--from", dest="start", required=True, type=day, metavar="YYYY-MM-DD")
    listing.add_argument(
        "--until", required=True, type=day, metavar="YYYY-MM-DD", help="the first issue date that no longer belongs"
    )
    listing.add_argument("--gmina", metavar="NAME", help="as the tariff file writes it (default: all)")
    listing.add_argument(
        "--csv", type=Path, metavar="FILE", help="write the supporting list, one line of an invoice each"
    )


def claims(work: Work, options: Namespace) -> Answer:
    """``obieg subsidy claims``."""
    found = subsidy_claims.run(
        work, start=options.start, until=options.until, gmina=options.gmina, csv_file=options.csv
    )
    return Answer(text="\n".join(_lines(found, options.csv)), data=to_data(found))


def _lines(found: SubsidyClaims, csv_file: Path | None) -> Iterator[str]:
    yield f"invoices issued from {found.start} up to, not including, {found.until}"
    if not found.totals:
        yield "  no subsidised line"
    for total in found.totals:
        yield f"gmina {total.gmina}"
        yield from (_claim(claim) for claim in found.claims if claim.gmina == total.gmina)
        yield _total(total)
    if csv_file is not None:
        yield f"{len(found.lines)} lines in {csv_file}"


def _claim(claim: Claim) -> str:
    price, amount = (
        f"{format_price(claim.subsidy_zl_m3)} zł {claim.mode}",
        f"{format_zl(claim.subsidy_zl)} {claim.mode}",
    )
    return (
        f"  {claim.tariff_group} {claim.service}: {claim.invoices} invoices, {format_m3(claim.volume_m3)} at "
        f"{price} = {amount} (VAT {format_percent(claim.vat_rate)}; {claim.basis})"
    )


def _total(total: GminaTotal) -> str:
    parts = []
    if total.net_zl or not total.off_gross_zl:
        parts.append(f"net {format_zl(total.net_zl)} + VAT {format_zl(total.vat_zl)}")
    if total.off_gross_zl:
        parts.append(f"gross {format_zl(total.off_gross_zl)}, VAT already on the invoices")
    return f"  claim {format_zl(total.claim_zl)} for {total.invoices} invoices: {'; '.join(parts)}"
