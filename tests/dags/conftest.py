import os
import tempfile
from pathlib import Path

# Airflow reads its configuration at import: a folder of the test's own, none of the machine's settings.
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="obieg-airflow-")
os.environ["AIRFLOW_CONFIG"] = str(Path(os.environ["AIRFLOW_HOME"]) / "none.cfg")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "True"
