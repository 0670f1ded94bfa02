"""What a building's main meter counted beyond its flats', where the flats share it by what they used.

The volume reached by each contract in the order of points is reckoned and rounded; its share is the difference of two
of these, so the shares always make the whole.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from billing.accounts import DifferenceShare, PointSnapshot, Service
from billing.charges import LineDifference, LinePart, Origin
from billing.holds import HoldCode
from billing.models import DifferenceModel, Models
from billing.money import VOLUME
from billing.parts import BEHIND, Share, metered_at, shares_of
from billing.periods import Period
from billing.quantities import NotBillable, Quantity
from billing.together import combined

_THREE = 3
_NOTHING = VOLUME * 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The difference of one service at a building; ``shares`` by contract: used before it, by itself, and its share."""

    service: Service
    period: Period
    of_m3: Decimal
    all_m3: Decimal
    shares: Mapping[str, tuple[Decimal, Decimal, Decimal]]
    parts: tuple[LinePart, ...]


def is_shared_out(point: PointSnapshot) -> bool:
    """Whether the contracts behind a point pay what its meter counted beyond theirs."""
    return point.difference == DifferenceModel.FLATS and bool(point.behind)


def differences(point: PointSnapshot, *, models: Models) -> list[Difference] | NotBillable:
    """What the contracts behind a point have to share of each service, or why that cannot be told."""
    found = []
    metered = metered_at(point, models=models)
    for service in (Service.WATER, Service.SEWAGE):
        if service not in point.services:
            continue
        shares = shares_of(point, metered=metered, service=service, models=models)
        if isinstance(shares, NotBillable):
            return shares
        made = combined(shares, service=service, models=models) if shares else []
        if isinstance(made, NotBillable):
            return made
        if any(one.billed is not None for one in made):
            return NotBillable(code=HoldCode.METERS_UNCLEAR, facts={"reason": "contract_changed"})
        refused = below_zero(made)
        if refused is not None:
            return refused
        found += [_difference(one, shares) for one in made]
    return found


def below_zero(made: Iterable[Quantity]) -> NotBillable | None:
    """Why nobody can share a difference: what settles an estimate may be below zero, but not be given to all flats."""
    below = next((one for one in made if one.volume_m3 < _NOTHING), None)
    if below is None:
        return None
    facts = {"service": below.service.value, "volume_m3": format(below.volume_m3, "f")}
    return NotBillable(code=HoldCode.DIFFERENCE_NEGATIVE, facts=facts)


def shared(share: DifferenceShare) -> Quantity:
    """The quantity that a contract is billed for its share."""
    return Quantity(
        service=share.service,
        period=share.period,
        volume_m3=share.volume_m3,
        places=_THREE,
        origin=Origin.DIFFERENCE,
        difference=LineDifference(
            share_id=share.share_id,
            front_point_no=share.front_point_no,
            of_m3=share.of_m3,
            before_m3=share.before_m3,
            own_m3=share.own_m3,
            all_m3=share.all_m3,
        ),
    )


def _difference(quantity: Quantity, shares: Sequence[Share]) -> Difference:
    used: dict[str, Decimal] = {}
    for share in shares:
        if share.purpose == BEHIND and share.contract_no is not None:
            used[share.contract_no] = used.get(share.contract_no, _NOTHING) + share.volume_m3
    # one that settles an estimate below zero used nothing that a share could follow
    used = {contract_no: max(own_m3, _NOTHING) for contract_no, own_m3 in used.items()}
    if not any(used.values()):  # nobody used anything: in equal parts
        used = dict.fromkeys(used, VOLUME * 1000)
    whole_m3 = sum(used.values(), _NOTHING)
    before_m3, found = _NOTHING, {}
    for contract_no, own_m3 in used.items():
        reached = [
            (quantity.volume_m3 * by_m3 / whole_m3).quantize(VOLUME, rounding=ROUND_HALF_UP)
            for by_m3 in (before_m3, before_m3 + own_m3)
        ]
        found[contract_no] = (before_m3, own_m3, reached[1] - reached[0])
        before_m3 += own_m3
    return Difference(
        service=quantity.service,
        period=quantity.period,
        of_m3=quantity.volume_m3,
        all_m3=whole_m3,
        shares=found,
        parts=quantity.parts,
    )
