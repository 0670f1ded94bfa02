"""A quick dataclass is the frozen dataclass that it was, made faster."""

from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from datetime import date
from decimal import Decimal

import pytest

from billing.charges import VatSum
from billing.periods import Period
from billing.quick import quick


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """Days at a place, none of them before the first."""

    start: date
    place: str = "Zdroje"
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.place == "":
            raise ValueError("a stay is somewhere")


def test_it_does_what_the_dataclass_does() -> None:
    stay = Stay(start=date(2026, 9, 1))

    assert [getattr(stay, one.name) for one in fields(stay)] == [date(2026, 9, 1), "Zdroje", ()]
    assert stay == Stay(start=date(2026, 9, 1), place="Zdroje")
    assert hash(stay) == hash(Stay(start=date(2026, 9, 1)))
    assert replace(stay, place="Zamość") == Stay(place="Zamość", start=date(2026, 9, 1))
    assert repr(stay) == "Stay(start=datetime.date(2026, 9, 1), place='Zdroje', names=())"


def test_it_stays_frozen_and_asks_for_its_fields_by_name() -> None:
    stay = Stay(start=date(2026, 9, 1))

    with pytest.raises(FrozenInstanceError):
        stay.place = "Zamość"  # type: ignore[misc]
    with pytest.raises(TypeError, match="start"):
        Stay()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="other"):
        Stay(start=date(2026, 9, 1), other=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        VatSum(Decimal("0.08"), Decimal(1), Decimal(1), Decimal(2))  # type: ignore[misc]


def test_what_it_checks_of_itself_is_still_checked() -> None:
    with pytest.raises(ValueError, match="somewhere"):
        Stay(start=date(2026, 9, 1), place="")
    with pytest.raises(ValueError, match="must hold a day"):
        Period(start=date(2026, 9, 1), until=date(2026, 9, 1))


def test_a_field_that_is_more_than_a_keyword_and_a_slot_is_refused() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Made:
        names: list[str] = field(default_factory=list)

    with pytest.raises(TypeError, match=r"Made\.names"):
        quick(Made)
