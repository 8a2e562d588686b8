"""Habits a reader relies on, looked for in the code itself."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture.files import below, there
from tests.processes import PROJECT

CODE = [path for path in below("mailing", "backoffice", kinds={".py"}) if "migrations" not in path.parts]
JOURNAL = there("mailing/services/access/audit_log.py")
MAKES = {"create", "bulk_create", "get_or_create", "update_or_create", "log_action", "log_actions"}


def named(path: Path, lines: list[int]) -> list[str]:
    return [f"{path.relative_to(PROJECT)}:{line}" for line in lines]


# --- One writer of the journal --------------------------------------------------------------------------


def journal_entries(source: str) -> list[int]:
    """Where an entry of Django's log of actions is made."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    made = {"LogEntry", *(f"LogEntry.objects.{name}" for name in MAKES)}
    return [call.lineno for call in calls if ast.unparse(call.func) in made]


def test_the_journal_has_one_writer() -> None:
    assert [
        place for path in CODE if path != JOURNAL for place in named(path, journal_entries(path.read_text()))
    ] == []
    assert len(journal_entries(JOURNAL.read_text())) == 1


@pytest.mark.parametrize("line", ["LogEntry.objects.create(user=by)", "LogEntry(user=by).save()"])
def test_another_writer_of_the_journal_is_found(line: str) -> None:
    assert journal_entries(line) == [1]
