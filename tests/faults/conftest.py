"""A town with an issued cycle, and a relay that fails as it is told to."""

import dataclasses
from collections.abc import Iterator
from datetime import datetime

import pytest
from smtp_fault_server import FaultServer, fault_server
from town import cycle_order, set_clock, settle

from pipeline import approve, check, freeze, issue, open_cycle, rate, render
from pipeline.work import Work


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with fault_server() as running:
        yield running


@pytest.fixture
def issued(work, tmp_path, server) -> Work:
    """A town whose July is issued, with the failing server as its relay and no evidence of what that took."""
    settle(work, tmp_path)
    key = open_cycle.run(work, order=cycle_order())["cycle_key"]
    freeze.run(work, cycle_key=key)
    rate.run(work, cycle_key=key, chunk_no=0)
    check.run(work, cycle_key=key)
    approve.run(work, cycle_key=key, decision="approved", decided_by="approver", decided_via="cli", note="")
    set_clock(work, datetime(2026, 8, 3, 7, 0))
    issue.run(work, cycle_key=key)
    settings = dataclasses.replace(work.settings, smtp_url=server.url, relay_mailbox=None, unknown_grace_s=0.0)
    return dataclasses.replace(work, settings=settings)


@pytest.fixture
def town(issued) -> Work:
    """The same, rendered: the deliver step is next."""
    render.run(issued, cycle_key="2026-07~ALL~1", chunk_no=0)
    return issued
