import ast
import copy
import itertools
from datetime import timedelta
from typing import Any

import pytest

from pipeline.settings import PROJECT

Dags = dict[str, Any]

DAGS = PROJECT / "dags"
DAG_FILES = sorted(path.name for path in DAGS.glob("*.py") if "@dag(" in path.read_text(encoding="utf-8"))
TASK_FILES = sorted(path.name for path in DAGS.glob("*.py") if "\n@task" in path.read_text(encoding="utf-8"))
CYCLE_WORDS = {"open", "freeze", "rate", "check", "approve", "record", "issue", "render", "deliver", "reconcile"}
SQL_WORDS = ("select ", "insert ", "update ", "delete ", "truncate ")


@pytest.fixture(scope="module")
def dags() -> Dags:
    from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415 - Airflow reads its settings at import

    bag = DagBag(str(DAGS))
    assert bag.import_errors == {}
    return bag.dags


def test_every_dag_file_gives_the_dag_of_its_own_name(dags: Dags) -> None:
    assert {f"{name}.py" for name in dags} == set(DAG_FILES)


def test_every_dag_starts_on_a_warsaw_day_and_never_catches_up(dags: Dags) -> None:
    for dag in dags.values():
        assert dag.timezone.key == "Europe/Warsaw", dag.dag_id
        assert dag.start_date.utcoffset() is not None, dag.dag_id
        assert not dag.catchup, dag.dag_id


def test_every_dag_says_whose_it_is_what_it_touches_and_what_it_does(dags: Dags) -> None:
    for dag in dags.values():
        assert {task.owner for task in dag.tasks} == {"rozliczenia"}, dag.dag_id
        assert sum(tag.startswith("impact:") for tag in dag.tags) == 1, dag.dag_id
        assert len(dag.tags) > 1, dag.dag_id
        assert dag.doc_md, dag.dag_id
        assert dag.dag_display_name != dag.dag_id


def test_every_dag_bounds_how_many_of_its_runs_are_active(dags: Dags) -> None:
    assert {dag.dag_id: dag.max_active_runs for dag in dags.values()} == {
        "billing_cycle": 4,
        "collect_readings": 1,
        "corrections": 4,
        "deliver_invoices": 1,
        "paperless_conversion": 1,
    }


def test_every_task_is_retried_except_the_approval_numbering_and_the_report(dags: Dags) -> None:
    unretried = {task.task_id for dag in dags.values() for task in dag.tasks if task.retries == 0}
    assert unretried == {"approve", "issue", "report"}
    delays = {task.retry_delay for dag in dags.values() for task in dag.tasks}
    assert delays <= {timedelta(seconds=10)}


def test_every_pool_that_a_task_names_is_made_by_the_set_up(dags: Dags) -> None:
    tree = ast.parse((DAGS / "setup_airflow.py").read_text(encoding="utf-8"))
    made = next(node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "POOLS")
    names = {key.value for key in made.keys}
    used = {task.pool for dag in dags.values() for task in dag.tasks}
    assert used - {"default_pool"} == names


@pytest.mark.parametrize("dag_id", ["billing_cycle", "corrections"])
def test_the_cycle_has_the_words_of_the_way_of_the_data_in_their_order(dags: Dags, dag_id: str) -> None:
    cycle = dags[dag_id]
    assert set(cycle.task_ids) >= CYCLE_WORDS
    order = ["open", "freeze", "rate", "check", "approve", "record", "issue", "render", "deliver", "reconcile"]
    for earlier, later in itertools.pairwise(order):
        assert later in cycle.get_task(earlier).get_flat_relative_ids(upstream=False), (earlier, later)


@pytest.mark.parametrize("dag_id", ["billing_cycle", "corrections"])
def test_a_rejection_reaches_the_recorder_because_the_approval_skips_nothing_itself(dags: Dags, dag_id: str) -> None:
    approve = dags[dag_id].get_task("approve")
    assert approve.downstream_task_ids == {"record"}
    assert approve.options == ["Approve", "Reject"]
    assert not approve.multiple
    assert not hasattr(approve, "skip")


@pytest.mark.parametrize("dag_id", ["billing_cycle", "corrections"])
def test_an_approval_never_answers_itself(dags: Dags, dag_id: str) -> None:
    approve = dags[dag_id].get_task("approve")
    assert approve.defaults is None
    assert approve.response_timeout == timedelta(days=14)
    assert {user["id"] for user in approve.assigned_users} == {"approver"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("period", "2026-13"),
        ("period", "wrzesień 2026"),
        ("period", "2026-9"),
        ("period", "2026-07..2026-13"),
        ("route_set", "r1"),
        ("route_set", "R1,R2"),
        ("route_set", ""),
        ("issue_date", "31.07.2026"),
        ("issue_date", "2026-02-30"),
        ("payment_days", 13),
        ("payment_days", 61),
        ("payment_days", "14"),
        ("dry_run", "tak"),
        ("purpose", "regular"),
        ("accounts", 7),
    ],
)
def test_the_form_refuses_a_bad_shape(dags: Dags, field: str, value: Any) -> None:
    from airflow.sdk.exceptions import ParamValidationError  # noqa: PLC0415 - as above

    params = copy.deepcopy(dags["billing_cycle"].params)
    with pytest.raises(ParamValidationError):
        params[field] = value


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("period", "2026-07..2026-09"),
        ("route_set", "R1+R2"),
        ("issue_date", "2026-10-01"),
        ("payment_days", 60),
        ("purpose", "final"),
        ("accounts", "A0001\nA0002"),
    ],
)
def test_the_form_takes_a_good_shape(dags: Dags, field: str, value: Any) -> None:
    params = copy.deepcopy(dags["billing_cycle"].params)
    params[field] = value
    assert params.validate()[field] == value


def test_the_form_is_valid_as_it_first_appears(dags: Dags) -> None:
    assert set(dags["billing_cycle"].params.validate()) == {
        "period",
        "route_set",
        "issue_date",
        "payment_days",
        "dry_run",
        "purpose",
        "accounts",
    }


def test_the_form_asks_for_what_an_order_holds(dags: Dags) -> None:
    from pipeline.open_cycle import CycleOrder  # noqa: PLC0415 - as above

    assert set(dags["billing_cycle"].params) == set(CycleOrder.__dataclass_fields__)


def test_the_form_offers_every_purpose_that_there_is(dags: Dags) -> None:
    from pipeline.open_off_cycle import PURPOSES  # noqa: PLC0415 - as above

    assert dags["billing_cycle"].params.get_param("purpose").schema["enum"] == [None, *PURPOSES]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("issue_date", "31.07.2026"),
        ("payment_days", 13),
        ("payment_days", "14"),
        ("dry_run", "tak"),
        ("order_id", 0),
        ("order_id", "7"),
        ("readings", 7),
        ("invoices", None),
        ("reverse", 3),
    ],
)
def test_the_form_of_corrections_refuses_a_bad_shape(dags: Dags, field: str, value: Any) -> None:
    from airflow.sdk.exceptions import ParamValidationError  # noqa: PLC0415 - as above

    params = copy.deepcopy(dags["corrections"].params)
    with pytest.raises(ParamValidationError):
        params[field] = value


def test_the_form_of_corrections_asks_for_what_an_order_holds_and_is_valid_as_it_first_appears(dags: Dags) -> None:
    from pipeline.corrections.open import CorrectionOrder  # noqa: PLC0415 - as above

    params = copy.deepcopy(dags["corrections"].params)
    assert set(params.validate()) == set(CorrectionOrder.__dataclass_fields__)
    params["readings"] = "12=45\n13=46.5"
    params["payment_days"] = 21
    params["order_id"] = 3
    assert params.validate()["payment_days"] == 21


@pytest.mark.parametrize("name", sorted(path.name for path in DAGS.glob("*.py") if path.name != "__init__.py"))
def test_a_task_body_holds_no_sql_and_no_moment(name: str) -> None:
    tree = ast.parse((DAGS / name).read_text(encoding="utf-8"))
    words = [
        node.value.lower() for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    documents = {ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert not [word for word in words if word.startswith(SQL_WORDS) and word not in documents]
    calls = {
        node.func.attr for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not calls & {"now", "utcnow", "today", "uuid4"}


@pytest.mark.parametrize("name", TASK_FILES)
def test_a_task_body_has_at_most_ten_lines(name: str) -> None:
    tree = ast.parse((DAGS / name).read_text(encoding="utf-8"))
    tasks = [node for node in tree.body if isinstance(node, ast.FunctionDef) and _is_task(node)]
    assert tasks
    for node in tasks:
        body = node.body[1:] if ast.get_docstring(node) else node.body
        assert body[-1].end_lineno - body[0].lineno + 1 <= 10, node.name


def _is_task(node: ast.FunctionDef) -> bool:
    return any(ast.unparse(decorator).startswith("task") for decorator in node.decorator_list)


def test_a_second_parse_gives_the_same_structure(dags: Dags) -> None:
    from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415 - as above
    from airflow.serialization.serialized_objects import DagSerialization  # noqa: PLC0415 - as above

    again = DagBag(str(DAGS)).dags
    for dag_id, dag in dags.items():
        assert DagSerialization.to_dict(dag) == DagSerialization.to_dict(again[dag_id])


def test_helper_modules_are_not_parsed_as_dag_files() -> None:
    ignored = (DAGS / ".airflowignore").read_text(encoding="utf-8").split()
    modules = {path.name for path in DAGS.glob("*.py")} - set(DAG_FILES)
    assert set(ignored) == modules
