"""Rating: an account, the tariffs and the terms of a cycle in, a bill or a hold out. Pure; the centre of the project.

Sources: uzzwś art. 27 (quantities), Rozp. 2018 par. 16 (dues), VAT act art. 106e (sums), 106ga (KSeF duty).
"""

from collections.abc import Sequence
from datetime import date
from itertools import pairwise

from billing.accounts import AccountSnapshot, Channel, CycleTerms, PartyKind, PointSnapshot, Role, Service
from billing.charges import Bill, ChargeLine, Hold
from billing.holds import HoldCode
from billing.law import vat_rate
from billing.money import PRICE, VOLUME, ZERO_ZL, multiply_zl
from billing.quantities import Consumption, NotBillable, consumption
from billing.standing import standing_lines
from billing.subsidies import SubsidyMode, price_basis, price_left_zl, subsidy_of, total_zl
from billing.tariffs import PriceSpan, TariffBook
from billing.vat import vat_sums

_METERED = (Service.WATER, Service.SEWAGE)
MAIN = "main"
_ESTIMATED = " (odczyt szacowany)"
_DESCRIPTIONS = {Service.WATER: "Dostarczanie wody", Service.SEWAGE: "Odprowadzanie ścieków"}


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
    lines = _lines(account, tariffs, cycle)
    if isinstance(lines, NotBillable):
        return _hold(account, lines)
    made = _bill(account, tariffs, lines)
    obstacle = _nothing_to_bill(made, cycle) or _subsidy_too_high(made)
    if obstacle is not None:
        return _hold(account, obstacle)
    if buyer.nip is not None or buyer.kind is not PartyKind.NATURAL_PERSON:
        facts = {"reason": "nip" if buyer.nip is not None else "not_a_natural_person"}
        return Hold(account_no=account.account_no, code=HoldCode.KSEF_ROUTE, facts=facts, draft=made)
    return made


def _lines(account: AccountSnapshot, tariffs: TariffBook, cycle: CycleTerms) -> list[ChargeLine] | NotBillable:
    active = [point for point in account.points if _is_active(point, cycle)]
    points = sorted(active, key=lambda point: point.point_no)
    if not points:
        facts = {"period": cycle.period.word(), "points": str(len(account.points))}
        return NotBillable(code=HoldCode.CONTRACT_INACTIVE, facts=facts)
    tariff = tariffs.tariff_on(cycle.issue_date)
    if tariff is None:
        return _no_price(points[0], account.channel, on=cycle.issue_date.isoformat(), reason="no_tariff")
    for point in points:
        if not tariff.group_for(tariff_class=point.tariff_class, channel=account.channel):
            return _no_price(point, account.channel, on=cycle.issue_date.isoformat(), reason="no_group")
    lines: list[ChargeLine] = []
    for point in points:
        metered = _metered_lines(point, account.channel, tariffs, cycle.issue_date)
        if isinstance(metered, NotBillable):
            return metered
        lines += metered
    obstacle = _handover(account, lines) or _overlap(lines)
    if obstacle is not None:
        return obstacle
    standing = standing_lines(account=account, points=points, cycle=cycle, per=tariff.standing_per, tariffs=tariffs)
    return standing if isinstance(standing, NotBillable) else lines + standing


def _nothing_to_bill(made: Bill, cycle: CycleTerms) -> NotBillable | None:
    owed_by_nobody = made.gross_zl == made.subsidy_net_zl == ZERO_ZL
    if owed_by_nobody and all(line.service is not Service.STANDING for line in made.lines):
        facts = {"period": cycle.period.word(), "lines": str(len(made.lines))}
        return NotBillable(code=HoldCode.NOTHING_TO_BILL, facts=facts)
    return None


def _subsidy_too_high(made: Bill) -> NotBillable | None:
    """A gmina cannot pay more than the whole; rounding alone may bring it a grosz above."""
    if made.payable_zl >= ZERO_ZL:
        return None
    facts = {"gross_zl": str(made.gross_zl), "subsidy_zl": str(made.subsidy_gross_zl)}
    return NotBillable(code=HoldCode.SUBSIDY_TOO_HIGH, facts=facts)


def _handover(account: AccountSnapshot, lines: Sequence[ChargeLine]) -> NotBillable | None:
    """Days of a former payer or nabywca must not stand on the invoice of the present one."""
    day = account.handed_over_on
    earlier = [line for line in lines if day is not None and line.period.start < day]
    if not earlier:
        return None
    facts = {"changed_on": str(day), "billed_from": str(min(line.period.start for line in earlier))}
    return NotBillable(code=HoldCode.PARTY_CHANGED, facts=facts)


def _overlap(lines: Sequence[ChargeLine]) -> NotBillable | None:
    """Two registers that count the same days at one point need a rule that there is none for yet."""
    ordered = sorted(lines, key=lambda line: (str(line.point_no), line.service, line.period))
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
    if point.is_settled or until is None or until > cycle.period.start:
        return True
    return any(register.previous.read_on < until for register in point.registers)


def _metered_lines(
    point: PointSnapshot, channel: Channel, tariffs: TariffBook, issue_date: date
) -> list[ChargeLine] | NotBillable:
    services = [service for service in _METERED if service in point.services]
    if not services or point.is_settled:
        return []
    if not point.registers:
        return NotBillable(code=HoldCode.NO_METER, facts={"point_no": point.point_no})
    behind = [register.meter_no for register in point.registers if register.purpose != MAIN]
    if behind or point.points_behind:
        facts = {"point_no": point.point_no, "meters": ",".join(behind), "points_behind": str(point.points_behind)}
        return NotBillable(code=HoldCode.SUB_METERS, facts=facts)
    used = _consumptions(point)
    if isinstance(used, NotBillable):
        return used
    lines: list[ChargeLine] = []
    for service in services:
        for part in used:
            span = _price(point, channel, service, part, tariffs)
            if isinstance(span, NotBillable):
                return span
            lines.append(_line(point, service, part, span, issue_date))
    return lines


def _consumptions(point: PointSnapshot) -> Sequence[Consumption] | NotBillable:
    used: list[Consumption] = []
    for register in sorted(point.registers, key=lambda item: (item.previous.read_on, item.meter_no, item.register)):
        part = consumption(register=register, contract_from=point.contract_from, contract_until=point.contract_until)
        if isinstance(part, NotBillable):
            return NotBillable(code=part.code, facts={"point_no": point.point_no, **part.facts})
        if part is not None:
            used.append(part)
    return used


def _price(
    point: PointSnapshot, channel: Channel, service: Service, used: Consumption, tariffs: TariffBook
) -> PriceSpan | NotBillable:
    """The one price of all days between two readings."""
    spans = tariffs.spans_in(
        tariff_class=point.tariff_class, channel=channel, service=service, period=used.period, gmina=point.gmina
    )
    if not spans:
        days = f"{used.period.start}..{used.period.last_day}"
        return _no_price(point, channel, service=service.value, days=days, reason="no_price")
    for span in spans:
        if span.terms != spans[-1].terms:
            facts = {"point_no": point.point_no, "meter_no": used.meter_no, "service": service.value}
            return NotBillable(code=HoldCode.PRICE_CHANGE, facts=facts | {"changes_on": str(span.until)})
    return spans[-1]


def _line(point: PointSnapshot, service: Service, used: Consumption, span: PriceSpan, issue_date: date) -> ChargeLine:
    tariff_zl = span.net_zl or ZERO_ZL
    subsidy = subsidy_of(agreed=span.subsidy, volume_m3=used.volume_m3, tariff_zl=tariff_zl)
    price_zl = price_left_zl(tariff_zl, subsidy=subsidy)
    return ChargeLine(
        point_no=point.point_no,
        service=service,
        description=_DESCRIPTIONS[service] + (_ESTIMATED if used.estimated else ""),
        period=used.period,
        meter_no=used.meter_no,
        previous_reading_id=used.previous_reading_id,
        current_reading_id=used.current_reading_id,
        previous_index_m3=used.previous_index_m3.quantize(VOLUME),
        current_index_m3=used.current_index_m3.quantize(VOLUME),
        quantity=used.volume_m3.quantize(VOLUME),
        unit=span.unit.value,
        price_zl=price_zl.quantize(PRICE),
        net_zl=multiply_zl(quantity=used.volume_m3, price_zl=price_zl),
        vat_rate=vat_rate(service=service, on=issue_date),
        tariff_group=span.group,
        tariff_sha256=span.tariff_sha256,
        basis=price_basis(span.basis, subsidy=subsidy),
        subsidy=subsidy,
    )


def _bill(account: AccountSnapshot, tariffs: TariffBook, lines: list[ChargeLine]) -> Bill:
    sums = vat_sums(lines=((line.vat_rate, line.net_zl) for line in lines), model=tariffs.vat_model)
    subsidies = [line.subsidy for line in lines]
    return Bill(
        account_no=account.account_no,
        channel=account.channel,
        lines=tuple(lines),
        vat_sums=sums,
        net_zl=sum((part.net_zl for part in sums), ZERO_ZL),
        vat_zl=sum((part.vat_zl for part in sums), ZERO_ZL),
        gross_zl=sum((part.gross_zl for part in sums), ZERO_ZL),
        subsidy_net_zl=total_zl(subsidies, mode=SubsidyMode.NET),
        subsidy_gross_zl=total_zl(subsidies, mode=SubsidyMode.GROSS),
    )


def _no_price(point: PointSnapshot, channel: Channel, **facts: str) -> NotBillable:
    known = {"point_no": point.point_no, "tariff_class": point.tariff_class, "channel": channel.value}
    return NotBillable(code=HoldCode.NO_PRICE, facts=known | facts)


def _hold(account: AccountSnapshot, why: NotBillable) -> Hold:
    return Hold(account_no=account.account_no, code=why.code, facts=why.facts)
