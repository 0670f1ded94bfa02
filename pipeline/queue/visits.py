"""visits: the meters that somebody has to go to, because no further estimate is allowed."""

from typing import Any

from billing.estimation import months_after
from pipeline.utility_files import load_folder
from pipeline.work import Work, warsaw_day
from sql.clock import business_now
from sql.estimates import registers_to_visit

COLUMNS = (
    *("point_no", "meter_no", "register", "street", "postcode", "city", "route", "account_no", "read_on", "estimates"),
    "last_reason",
)


def run(work: Work, *, route: str | None) -> list[dict[str, Any]]:
    """The field orders as they stand by the business clock, longest unread first."""
    rules = load_folder(work.settings.utility, seller_needed=False).utility.estimation
    with work.engine.connect() as connection:
        today = warsaw_day(business_now(connection))
        rows = registers_to_visit(
            connection,
            today=today,
            unread_since=months_after(today, -rules.months_max),
            periods_max=rules.periods_max,
            route=route,
        )
    return [dict(row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public way to a row's names
