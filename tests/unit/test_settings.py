"""Settings of the archive: what is left out, what is meant, what is refused."""

from datetime import date

import pytest

from pipeline.documents import retain_until
from pipeline.errors import OperatorError
from pipeline.settings import read_settings


def test_without_settings_documents_lie_in_the_home_folder_and_nothing_is_locked(tmp_path) -> None:
    settings = read_settings({"OBIEG_HOME": str(tmp_path)})

    assert settings.archive_url == f"file://{tmp_path}/archive"
    assert (settings.archive_endpoint, settings.archive_retain_years) == (None, None)
    assert retain_until(settings, issue_date=date(2026, 11, 2)) is None


def test_documents_are_retained_to_the_end_of_whole_years_after_that_of_the_issue(tmp_path) -> None:
    settings = read_settings(
        {
            "OBIEG_HOME": str(tmp_path),
            "OBIEG_ARCHIVE_ENDPOINT": "https://s3.example.com",
            "OBIEG_ARCHIVE_RETAIN_YEARS": "6",
        }
    )

    assert settings.archive_endpoint == "https://s3.example.com"
    assert retain_until(settings, issue_date=date(2026, 1, 1)) == date(2032, 12, 31)
    assert retain_until(settings, issue_date=date(2026, 12, 31)) == date(2032, 12, 31)


@pytest.mark.parametrize("years", ["0", "-1", "5.5", "five", "101", "٥", " 5"])
def test_a_retention_that_is_no_number_of_years_is_refused(tmp_path, years) -> None:
    with pytest.raises(OperatorError, match="SETTING_WRONG"):
        read_settings({"OBIEG_HOME": str(tmp_path), "OBIEG_ARCHIVE_RETAIN_YEARS": years})
