"""A tariff with seasons, blocks, groups by diameter and payer, a rate of two months and an abonament of sewage."""

from pathlib import Path

from sqlalchemy import text

from pipeline.work import Work
from sql.engine import make_engine

TARIFF = """
title = "Taryfa przykładowa"
decision = "made up"
basis = "made up"
valid_from = 2012-01-01
standing_months = "touched"
standing_price = "first_day"
standing_per = "recipient"
block_per = "bill"

[[group]]
code = "H"
class = "household"
channel = "any"
payer = "natural_person"
diameters_mm = [15, 20]
name = "Gospodarstwa domowe, wodomierz do 20 mm"

[[group]]
code = "H25"
class = "household"
channel = "any"
payer = "natural_person"
diameter_from_mm = 25
name = "Gospodarstwa domowe, wodomierz od 25 mm"

[[group]]
code = "B"
class = "business"
channel = "any"
name = "Pozostali"

[[price]]
groups = ["H", "H25"]
item = "water"
unit = "m3"
valid_from = 2012-01-01
basis = "made up"
[[price.block]]
from_m3 = 0
net_zl = 5.00
[[price.block]]
from_m3 = 2
net_zl = 7.00

[[price]]
groups = ["B"]
item = "water"
unit = "m3"
net_zl = 5.75
valid_from = 2012-01-01
basis = "made up"

[[price]]
groups = ["H", "H25", "B"]
item = "sewage"
unit = "m3"
net_zl = 7.0040
valid_from = 2012-01-01
basis = "made up"

[[price]]
groups = ["H", "H25", "B"]
item = "sewage"
unit = "m3"
net_zl = 9.0020
season = "07-15..08-31"
valid_from = 2012-01-01
basis = "made up"

[[price]]
groups = ["H", "B"]
item = "abonament"
unit = "month"
net_zl = 12.008
per_months = 2
valid_from = 2012-01-01
basis = "made up"

[[price]]
groups = ["H", "H25", "B"]
item = "abonament_sewage"
unit = "month"
net_zl = 4.00
valid_from = 2012-01-01
basis = "made up"

[[price]]
groups = ["H25"]
item = "abonament"
unit = "month"
net_zl = 30.00
valid_from = 2012-01-01
basis = "made up"

[[example]]
groups = ["H25"]
on = 2012-01-01
abonament = 1
abonament_sewage = 1
gross_zl = 36.72
source = "by hand: 34.00; VAT 2.72"

[[example]]
groups = ["H", "H25"]
on = 2012-01-01
water = 3
gross_zl = 18.36
source = "by hand: 2 × 5.00 + 7.00 = 17.00; VAT 1.36"

[[example]]
groups = ["B"]
on = 2012-01-01
water = 1
gross_zl = 6.21
source = "by hand: VAT 0.46"

[[example]]
groups = ["H", "H25", "B"]
on = 2012-01-01
sewage = 100
gross_zl = 756.43
source = "by hand: 700.40; VAT 56.032"

[[example]]
groups = ["H", "H25", "B"]
on = 2012-07-15
sewage = 100
gross_zl = 972.22
source = "by hand: 900.20; VAT 72.016"

[[example]]
groups = ["H", "B"]
on = 2012-01-01
abonament = 1
abonament_sewage = 1
gross_zl = 17.29
source = "by hand: 16.008, rounded 16.01; VAT 1.2808"
"""


def write_tariff(utility: Path) -> None:
    """That tariff instead of the utility's own."""
    (old,) = utility.glob("tariffs/*.toml")
    old.write_text(TARIFF, encoding="utf-8")


def measure(work: Work) -> None:
    """All meters are of 20 mm, but A0003's is of 25 mm, and nobody wrote down A0004's."""
    owner = make_engine(work.settings.database_owner_url)
    with owner.begin() as connection:
        connection.execute(
            text("""
                update installation i set diameter_mm = case m.meter_no when 'M0003' then 25 else 20 end
                from meter m where m.meter_id = i.meter_id and m.meter_no <> 'M0004'
            """)
        )
    owner.dispose()
