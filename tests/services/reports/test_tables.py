"""Files of attempts: as Excel opens them, and harmless."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from openpyxl import load_workbook

from mailing.choices import AttemptStatus
from mailing.models import Attempt
from mailing.services.reports import tables
from tests.factories import AttemptFactory

pytestmark = pytest.mark.django_db


def opened(table: tables.Table) -> Any:
    return load_workbook(io.BytesIO(b"".join(tables.as_xlsx(table)))).active


def test_csv_has_the_mark_semicolons_and_local_times() -> None:
    AttemptFactory(
        mailing__name="Новости",
        status=AttemptStatus.SUCCEEDED,
        started_at=datetime(2026, 1, 31, 7, 0, tzinfo=UTC),
        audience=3,
        sent=3,
    )

    data = b"".join(tables.as_csv(tables.attempts_table(Attempt.objects.all())))

    assert data.startswith(b"\xef\xbb\xbf")
    head, row = data.decode("utf-8-sig").splitlines()
    assert head.split(";")[1:5] == ["Started", "Finished", "Planned time", "Mailing"]
    assert row.split(";")[1] == "31.01.2026 10:00:00"
    assert "Новости" in row


@pytest.mark.parametrize(
    ("evil", "harmless"),
    [
        ("=1+1", "'=1+1"),
        ("+7", "'+7"),
        ("-2", "'-2"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t'=1"),
        ("x,=1|@y", "x,'=1|'@y"),
    ],
)
def test_no_cell_becomes_a_formula(evil: str, harmless: str) -> None:
    """Rule 11 of a run."""
    AttemptFactory(mailing__name="x", response=evil)
    table = list(tables.attempts_table(Attempt.objects.all()))

    text = b"".join(tables.as_csv(table)).decode("utf-8-sig")
    sheet = opened(table)

    assert harmless in text
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)


def test_a_workbook_keeps_numbers_and_dates() -> None:
    AttemptFactory(audience=7, sent=7, started_at=datetime(2026, 1, 31, 7, 0, tzinfo=UTC))

    sheet = opened(tables.attempts_table(Attempt.objects.all()))

    row = [cell.value for cell in sheet[2]]
    assert row[1] == datetime(2026, 1, 31, 10, 0)
    assert row[9] == 7


def test_the_report_by_mailing_has_shares_with_a_decimal_comma() -> None:
    AttemptFactory(mailing__name="News", status=AttemptStatus.PARTLY, audience=8, sent=7, failed=1)

    text = b"".join(tables.as_csv(tables.mailings_table(Attempt.objects.all()))).decode("utf-8-sig")

    assert "News;1;0;1;0;0;8;7;1;0;0;12,5;" in text


def test_control_characters_of_a_server_do_not_break_the_workbook() -> None:
    AttemptFactory(response="550 bad\x07\x1b")

    (_head, row) = opened(tables.attempts_table(Attempt.objects.all())).iter_rows(values_only=True)

    assert "550 bad" in row
