"""Airflow's metadata database and pools, made in one process: `python -m dags.setup_airflow`.

Every `airflow` command spends seconds on imports, so the set-up is one program and not three commands.
"""

import os

from airflow.models.pool import Pool
from airflow.utils.db import upgradedb
from airflow.utils.session import create_session
from sqlalchemy import select

CORES = os.cpu_count() or 1
POOLS = {
    "db_heavy": (CORES, "steps that load the billing database: freeze, rate, checks"),
    "render": (CORES, "steps that fill a processor core: PDF rendering and archiving"),
    "smtp": (4, "open connections to the mail relay; rates are limited in delivery, not here"),
}


def main() -> None:
    """Bring the metadata database to this Airflow's version; add the pools that are missing."""
    upgradedb()
    with create_session() as session:
        present = set(session.scalars(select(Pool.pool)))
        for name, (slots, description) in POOLS.items():
            if name not in present:  # an operator's own size of a pool stays
                session.add(Pool(pool=name, slots=slots, description=description, include_deferred=False))


if __name__ == "__main__":
    main()
