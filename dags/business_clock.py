"""Waiting for the morning of the issue date by the business clock, without holding a worker."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from airflow.sdk import BaseOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent

from dags.task_work import task_work
from pipeline import issue
from pipeline.errors import Unavailable
from pipeline.services.postgres import databases
from pipeline.settings import read_settings
from pipeline.work import Actor, open_work


class WaitForIssueDate(BaseOperator):
    """Ends when the business clock reaches the morning of the cycle's issue date; at once if it already has."""

    template_fields: Sequence[str] = ("cycle_key",)

    def __init__(self, *, cycle_key: str, poll_s: int = 5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cycle_key = cycle_key
        self.poll_s = poll_s

    def execute(self, context: Any) -> None:  # noqa: ARG002 - Airflow's signature
        """Ask once; not yet due, hand over to the triggerer."""
        with task_work() as work:
            if issue.is_due(work, cycle_key=self.cycle_key):
                return
            self.log.info("waiting until %s", issue.due_at(work, cycle_key=self.cycle_key))
        self.defer(
            trigger=IssueDateTrigger(cycle_key=self.cycle_key, poll_s=self.poll_s),
            method_name="resume",
        )

    def resume(self, context: Any, event: Any) -> None:  # noqa: ARG002 - Airflow's signature
        """Ask again: the clock decides, not the message."""
        self.execute(context)


class IssueDateTrigger(BaseTrigger):
    """Fires when the business clock says that a cycle may be issued."""

    def __init__(self, *, cycle_key: str, poll_s: int) -> None:
        super().__init__()
        self.cycle_key = cycle_key
        self.poll_s = poll_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments, from which the triggerer makes it again."""
        return "dags.business_clock.IssueDateTrigger", {"cycle_key": self.cycle_key, "poll_s": self.poll_s}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Ask every ``poll_s`` seconds, in a thread: the triggerer's loop serves every waiting task."""
        while not await asyncio.to_thread(self._is_due):  # noqa: ASYNC110 - a row in a database sets no event
            await asyncio.sleep(self.poll_s)
        yield TriggerEvent({"cycle_key": self.cycle_key})

    def _is_due(self) -> bool:
        settings = read_settings()
        try:
            url = databases(settings).app_url
            actor = Actor(name="airflow", via="airflow")
            with open_work(settings=settings, database_url=url, actor=actor) as work:
                return issue.is_due(work, cycle_key=self.cycle_key)
        except Unavailable as error:
            self.log.warning("the business clock cannot be asked now: %s", error)
            return False
