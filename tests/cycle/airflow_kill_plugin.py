"""Test only, copied into a test's own AIRFLOW_HOME/plugins: every task of a run named "kill" dies once, work done.

The listener is called in the task's own process just before ``execute``; the hook that it sets is called as soon as
``execute`` has returned, before Airflow hears anything of it: neither the result nor the state.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

WORD = "kill"
KILLED = Path(os.environ["OBIEG_HOME"]) / "run" / "killed"


@hookimpl
def on_task_instance_running(previous_state: Any, task_instance: Any) -> None:
    if WORD in task_instance.run_id:
        task_instance.task._post_execute_hook = _die_once(task_instance)  # noqa: SLF001 - the only place after execute


def _die_once(task_instance: Any) -> Any:
    marker = KILLED / f"{task_instance.task_id}.{task_instance.map_index}"

    def die(context: Any, result: Any) -> None:
        if task_instance.try_number == 1:
            KILLED.mkdir(exist_ok=True)
            marker.touch(exist_ok=False)
            os.kill(os.getpid(), signal.SIGKILL)

    return die


class KillPlugin(AirflowPlugin):
    name = "kill_once"
    listeners = [sys.modules[__name__]]  # noqa: RUF012 - so the base class declares it
