"""The import without the web: same sentences, and exit codes for scripts."""

from __future__ import annotations

import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from mailing.models import Client, ClientImport
from tests.factories import MailingFactory
from tests.tables import files

pytestmark = pytest.mark.django_db


def run(path: Path, *options: str) -> tuple[int, str, str]:
    """Exit code, what was said, and what was complained about."""
    out, err = StringIO(), StringIO()
    try:
        call_command("import_clients", str(path), *options, stdout=out, stderr=err)
    except CommandError as error:
        return error.returncode, out.getvalue(), str(error)
    except SystemExit as stop:
        return int(stop.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def test_a_file_without_errors_is_loaded_with_exit_0(tmp_path: Path) -> None:
    path = tmp_path / "good.csv"
    path.write_bytes(files.csv(files.ROWS[:2]))
    assert run(path) == (0, "new: 2, changed: 0, unchanged: 0, rows left out: 0\n", "")
    assert run(path)[:2] == (0, "new: 0, changed: 0, unchanged: 2, rows left out: 0\n")


@pytest.mark.parametrize("kind", files.KINDS)
def test_bad_rows_are_named_and_the_others_loaded_with_exit_0(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "clients"
    path.write_bytes(files.KINDS[kind])
    code, said, complained = run(path)
    assert (code, said) == (0, "new: 3, changed: 0, unchanged: 0, rows left out: 3\n")
    assert complained.splitlines() == [
        "Row 4: bad-email — This is not an e-mail address.",
        "Row 5: anna@example.ru — Repeated: this address is already in row 2.",
        "Row 6: — — There is no address in this row.",
    ]
    assert sorted(Client.objects.values_list("email", flat=True)) == files.LOADED


def test_a_file_without_one_usable_row_ends_with_exit_1(tmp_path: Path) -> None:
    path = tmp_path / "clients.csv"
    path.write_bytes(files.csv(files.ROWS[2:3]))
    assert run(path)[0] == 1


def test_a_dry_run_says_the_same_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "clients.csv"
    path.write_bytes(files.csv())
    assert run(path, "--dry-run")[:2] == (0, "new: 3, changed: 0, unchanged: 0, rows left out: 3\n")
    assert not Client.objects.exists()
    assert not ClientImport.objects.exists()


def test_clients_become_recipients(tmp_path: Path) -> None:
    mailing = MailingFactory(name="Прогрев")
    path = tmp_path / "clients.csv"
    path.write_bytes(files.csv())
    assert "Recipients of “Прогрев”: 3." in run(path, "--mailing", str(mailing.pk))[1]
    assert mailing.clients.count() == 3


@pytest.mark.parametrize(
    ("data", "options", "words"),
    [
        (b"", [], "The file is empty."),
        (b"name\nAnna\n", [], "No column with e-mail addresses was found."),
        (b"email\na@example.ru\n", ["--mailing", "4711"], "There is no mailing 4711."),
    ],
)
def test_what_cannot_be_loaded_is_refused_with_exit_2(
    tmp_path: Path, data: bytes, options: list[str], words: str
) -> None:
    path = tmp_path / "clients.csv"
    path.write_bytes(data)
    code, _said, complained = run(path, *options)
    assert code == 2
    assert words in complained
    assert not Client.objects.exists()
    assert not ClientImport.objects.exists()


def test_a_file_that_is_not_there_is_refused_with_exit_2(tmp_path: Path) -> None:
    code, _said, complained = run(tmp_path / "nowhere.csv")
    assert code == 2
    assert "No such file" in complained


def test_the_help_explains_the_exit_codes() -> None:
    command = [sys.executable, "manage.py", "import_clients", "--help"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ, timeout=60).stdout
    assert "exit codes: 0 loaded" in said
