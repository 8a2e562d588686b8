"""Habits a reader relies on, looked for in the code itself."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
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


# --- One place for a sentence ---------------------------------------------------------------------------

TRANSLATES = {"_", "gettext", "gettext_noop", "gettext_lazy"}
SENTENCE = re.compile(r"[A-Z].* .*[.!?…]", re.DOTALL)  # a label may be said as often as it is shown


def sentences(source: str) -> list[tuple[str, int]]:
    """The whole sentences for people in a module, with their lines."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and node.args]
    marked = [call.args[0] for call in calls if ast.unparse(call.func) in TRANSLATES]
    texts = [text for text in marked if isinstance(text, ast.Constant) and isinstance(text.value, str)]
    return [(text.value, text.lineno) for text in texts if SENTENCE.fullmatch(text.value)]


def test_a_sentence_for_people_is_written_in_one_place() -> None:
    places = defaultdict(list)
    for path in CODE:
        for sentence, line in sentences(path.read_text()):
            places[sentence] += named(path, [line])
    assert {sentence: where for sentence, where in places.items() if len(where) > 1} == {}


def test_a_sentence_is_told_from_a_label() -> None:
    assert sentences('_("The file is empty.")') == [("The file is empty.", 1)]
    assert sentences('_("Attempts this week")') == []


# --- Whoever catches everything says why ---------------------------------------------------------------------

BROAD = re.compile(r"except (?:Exception|BaseException)\b.*|except:.*")


def unexplained(text: str) -> list[str]:
    """Catches of everything that do not say why: `except Exception as error:  # the reason`."""
    return [line for line in BROAD.findall(text) if not re.search(r"  # \w", line)]


def test_whoever_catches_everything_says_why() -> None:
    found = {str(path.relative_to(PROJECT)): unexplained(path.read_text()) for path in CODE}
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_a_catch_of_everything_without_a_reason_is_found() -> None:
    assert unexplained("    except Exception:\n        pass  # why not") == ["except Exception:"]
    assert unexplained("    except ValueError:\n") == []
