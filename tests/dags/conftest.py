from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def airflow_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Airflow reads where it lives when it is first imported: a folder of the tests' own, none of the machine's."""
    home = tmp_path_factory.mktemp("airflow")
    with pytest.MonkeyPatch.context() as environ:
        environ.setenv("AIRFLOW_HOME", str(home))
        environ.setenv("AIRFLOW_CONFIG", str(home / "airflow.cfg"))
        environ.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
        import airflow  # noqa: F401, PLC0415 - this import is what reads the settings above

        yield
