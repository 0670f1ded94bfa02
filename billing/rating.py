"""Rating: an account, the tariffs and the terms of a cycle in, a bill or a hold out. Pure; the centre of the project.

Sources: uzzwś art. 27 (quantities), Rozp. 2018 par. 16 (dues), VAT act art. 106e (sums), 106ga (KSeF duty).
"""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from itertools import pairwise

from billing.accounts import AccountSnapshot, Channel, CycleTerms, PartyKind, PointSnapshot, Role
from billing.beside import lines_of_account, lines_of_points
from billing.charges import Bill, ChargeLine, Hold, Origin
from billing.forecasts import forecast_lines, is_settled_now, settled_lines
from billing.holds import HoldCode
from billing.metering import quantities
from billing.money import ZERO_ZL
from billing.prices import STANDING
from billing.pricing import Customer, no_price, priced_lines
from billing.quantities import NotBillable
from billing.standing import standing_lines
from billing.stormwater import owes_stormwater
from billing.subsidies import SubsidyMode, total_zl
from billing.tariffs import TariffBook
from billing.vat import vat_sums


def bill(account: AccountSnapshot, tariffs: TariffBook, cycle: CycleTerms) -> Bill | Hold:
    """What the account owes in this cycle, or why it is not billed and what has to happen next.

    The order of points, parties and registers does not matter. A buyer under the KSeF duty is computed like any
    other and returned as a hold that carries the draft.

    Raises:
        DataRefused: the law data has no VAT rate for the issue date; no account can be billed then.
    """
    buyer = account.parties.get(Role.BUYER)
    if buyer is None or Role.PAYER not in account.parties:
        missing = [role.value for role in (Role.PAYER, Role.BUYER) if role not in account.parties]
        return _hold(account, NotBillable(code=HoldCode.NO_PARTY, facts={"missing": ",".join(missing)}))
    made = owed(account, tariffs, cycle)
    if isinstance(made, Hold):
        return made
    obstacle = _nothing_to_bill(made, cycle)
    if obstacle is not None:
        return _hold(account, obstacle)
    if buyer.nip is not None or buyer.kind is not PartyKind.NATURAL_PERSON:
        facts = {"reason": "nip" if buyer.nip is not None else "not_a_natural_person"}
        return Hold(account_no=account.account_no, code=HoldCode.KSEF_ROUTE, facts=facts, draft=made)
    return made


def owed(account: AccountSnapshot, tariffs: TariffBook, cycle: CycleTerms) -> Bill | Hold:
    """What the account owes, were it nothing at all, whoever the buyer is; raises as ``bill``."""
    lines = _lines(account, tariffs, cycle, account.parties[Role.BUYER].kind)
    if isinstance(lines, NotBillable):
        return _hold(account, lines)
    made = _bill(account, tariffs, lines)
    obstacle = _settles_below_zero(made) or _subsidy_too_high(made)
    return made if obstacle is None else _hold(account, obstacle)


def _lines(
    account: AccountSnapshot, tariffs: TariffBook, cycle: CycleTerms, payer: PartyKind
) -> list[ChargeLine] | NotBillable:
    points = [point for point in account.points if _is_active(point, cycle)]
    points.sort(key=lambda point: point.point_no)
    ordered = lines_of_account(account, cycle=cycle, tariffs=tariffs)
    if isinstance(ordered, NotBillable) or (ordered and not points):
        return ordered
    if not points:
        facts = {"period": cycle.period.word(), "points": str(len(account.points))}
        return NotBillable(code=HoldCode.CONTRACT_INACTIVE, facts=facts)
    supplied = _supplied_lines(account, points, tariffs, cycle, payer)
    return supplied if isinstance(supplied, NotBillable) else supplied + ordered


def _supplied_lines(
    account: AccountSnapshot,
    points: Sequence[PointSnapshot],
    tariffs: TariffBook,
    cycle: CycleTerms,
    payer: PartyKind,
) -> list[ChargeLine] | NotBillable:
    """What is charged at points of supply under contract."""
    tariff = tariffs.tariff_on(cycle.issue_date)
    if tariff is None:
        return no_price(points[0], account.channel, on=cycle.issue_date.isoformat(), reason="no_tariff")
    customers = [Customer(point=point, channel=account.channel, payer=payer) for point in points]
    for point in (one for one in points if not one.is_settled):
        lacking = _no_group(
            tariffs,
            cycle.issue_date,
            tariff_class=point.tariff_class,
            channel=account.channel,
            diameter_mm=point.diameter_mm,
            payer=payer,
        )
        if lacking is not None:
            return no_price(point, account.channel, on=cycle.issue_date.isoformat(), **lacking)
    lines: list[ChargeLine] = []
    for customer in customers:
        found = _point_lines(customer, tariffs, cycle)
        if isinstance(found, NotBillable):
            return found
        lines += found
    beside = lines_of_points(points, lines=lines, cycle=cycle, tariffs=tariffs)
    if isinstance(beside, NotBillable):
        return beside
    obstacle = _handover(account, lines + beside) or _overlap(lines)
    if obstacle is not None:
        return obstacle
    standing = standing_lines(account=account, points=points, cycle=cycle, per=tariff.standing_per, tariffs=tariffs)
    return standing if isinstance(standing, NotBillable) else lines + beside + standing


def _point_lines(customer: Customer, tariffs: TariffBook, cycle: CycleTerms) -> list[ChargeLine] | NotBillable:
    """Water and sewage of a point: from readings, with what prognozy had charged taken off, or a prognoza.

    A contract whose end was recorded late may have nothing left to bill and prognozy of days after it: they come off.
    """
    if not is_settled_now(customer, cycle=cycle, tariffs=tariffs):
        return forecast_lines(customer, cycle=cycle, tariffs=tariffs)
    metered = _metered_lines(customer, tariffs, cycle)
    if isinstance(metered, NotBillable) or not (metered or customer.point.is_settled):
        return metered
    return metered + settled_lines(customer.point)


def _nothing_to_bill(made: Bill, cycle: CycleTerms) -> NotBillable | None:
    owed_by_nobody = made.gross_zl == made.subsidy_net_zl == ZERO_ZL
    if owed_by_nobody and not any(line.service in STANDING or _settles(line) for line in made.lines):
        facts = {"period": cycle.period.word(), "lines": str(len(made.lines))}
        return NotBillable(code=HoldCode.NOTHING_TO_BILL, facts=facts)
    return None


def _settles_below_zero(made: Bill) -> NotBillable | None:
    """What an estimate billed too much, and this bill cannot take off, only a correction gives back."""
    taken_off = [line for line in made.lines if line.quantity < ZERO_ZL and not _settles(line)]
    if not taken_off or min((part.gross_zl for part in made.vat_sums), default=ZERO_ZL) >= ZERO_ZL:
        return None
    first = taken_off[0]
    facts = {
        "point_no": str(first.point_no),
        "meter_no": str(first.meter_no),
        "estimate": str(first.previous_reading_id),
        "volume_m3": format(first.quantity, "f"),
        "gross_zl": str(made.gross_zl),
    }
    return NotBillable(code=HoldCode.ESTIMATE_SETTLES_NEGATIVE, facts=facts)


def _subsidy_too_high(made: Bill) -> NotBillable | None:
    """A gmina cannot pay more than the whole; rounding alone may bring it a grosz above.

    A settlement of prognozy may come out below zero, and is issued: the customer has paid too much.
    """
    if made.payable_zl >= ZERO_ZL or made.subsidy_gross_zl <= ZERO_ZL or any(_settles(line) for line in made.lines):
        return None
    facts = {"gross_zl": str(made.gross_zl), "subsidy_zl": str(made.subsidy_gross_zl)}
    return NotBillable(code=HoldCode.SUBSIDY_TOO_HIGH, facts=facts)


def _settles(line: ChargeLine) -> bool:
    return line.origin is Origin.SETTLED_FORECAST


def _handover(account: AccountSnapshot, lines: Sequence[ChargeLine]) -> NotBillable | None:
    """Days of a former payer or nabywca must not stand on the invoice of the present one."""
    day = account.handed_over_on
    earlier = [line for line in lines if line.period.start < day] if day is not None else []
    if not earlier:
        return None
    facts = {"changed_on": str(day), "billed_from": str(min(line.period.start for line in earlier))}
    return NotBillable(code=HoldCode.PARTY_CHANGED, facts=facts)


def _overlap(lines: Sequence[ChargeLine]) -> NotBillable | None:
    """Two registers that count the same days at one point, and no rule how they belong together."""
    first_rows = [line for line in lines if line.row_no == 1 and not _settles(line)]
    if len({(line.point_no, line.service) for line in first_rows}) == len(first_rows):
        return None
    ordered = sorted(first_rows, key=lambda line: (str(line.point_no), line.service, line.period))
    for one, other in pairwise(ordered):
        same = (one.point_no, one.service) == (other.point_no, other.service)
        if same and one.period.overlap(other.period):
            meters = f"{one.meter_no},{other.meter_no}"
            return NotBillable(code=HoldCode.METERS_OVERLAP, facts={"point_no": str(one.point_no), "meters": meters})
    return None


def _is_active(point: PointSnapshot, cycle: CycleTerms) -> bool:
    """Whether the contract holds a day of the cycle, or ended before it and something of it is not billed yet."""
    until = point.contract_until
    if point.contract_from >= cycle.period.until:
        return False
    if until is None or until > cycle.period.start or point.is_settled:
        return True
    billed = [one.billed_until or max(one.valid_from, point.contract_from) for one in point.unmetered]
    if any(register.previous.read_on < until for register in point.registers) or any(day < until for day in billed):
        return True
    return owes_stormwater(point, cycle=cycle)


@lru_cache(maxsize=1024)
def _no_group(
    tariffs: TariffBook,
    day: date,
    *,
    tariff_class: str,
    channel: Channel,
    diameter_mm: int | None,
    payer: PartyKind,
) -> Mapping[str, str] | None:
    """Why no group of the tariff of a day is a customer's; None when one is."""
    tariff = tariffs.tariff_on(day)
    if tariff is None:
        return {"reason": "no_tariff"}
    if tariff.group_for(tariff_class=tariff_class, channel=channel, diameter_mm=diameter_mm, payer=payer) is not None:
        return None
    same = [group for group in tariff.groups if group.tariff_class == tariff_class]
    facts = {"reason": "no_group"}
    if any(group.diameters for group in same):
        facts["diameter_mm"] = str(diameter_mm or "unknown")
    if any(group.payer for group in same):
        facts["payer"] = str(payer or "unknown")
    return facts


def _metered_lines(customer: Customer, tariffs: TariffBook, cycle: CycleTerms) -> list[ChargeLine] | NotBillable:
    found = quantities(customer.point, until=cycle.period.until, models=tariffs.models)
    if isinstance(found, NotBillable):
        return found
    return priced_lines(found, customer=customer, tariffs=tariffs, issue_date=cycle.issue_date)


def _bill(account: AccountSnapshot, tariffs: TariffBook, lines: list[ChargeLine]) -> Bill:
    rounding = tariffs.models.line_rounding
    nets = [(line.vat_rate, line.summed_zl(rounding)) for line in lines]
    sums = vat_sums(lines=nets, model=tariffs.models.vat, rounding=rounding)
    subsidies = [line.subsidy for line in lines if line.subsidy is not None]
    return Bill(
        account_no=account.account_no,
        channel=account.channel,
        lines=tuple(sorted(lines, key=_point_by_point)),
        vat_sums=sums,
        net_zl=sum([part.net_zl for part in sums], ZERO_ZL),
        vat_zl=sum([part.vat_zl for part in sums], ZERO_ZL),
        gross_zl=sum([part.gross_zl for part in sums], ZERO_ZL),
        subsidy_net_zl=total_zl(subsidies, mode=SubsidyMode.NET),
        subsidy_gross_zl=total_zl(subsidies, mode=SubsidyMode.GROSS),
        line_rounding=rounding,
    )


def _point_by_point(line: ChargeLine) -> tuple[bool, str]:
    """What is owed once for all points comes last; lines of one point keep their order."""
    return (line.point_no is None, line.point_no or "")


def _hold(account: AccountSnapshot, why: NotBillable) -> Hold:
    return Hold(account_no=account.account_no, code=why.code, facts=why.facts)
