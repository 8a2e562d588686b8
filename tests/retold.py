"""A plugin of pytest: all that is said to people is said in other words. What the product does must not change.

    python -m pytest -p tests.retold tests/services/runs/test_release.py

As if each sentence were corrected between any two steps: it equals nothing, cannot be looked up, and reads
differently whenever it goes to the database, so that it is not found again there.
"""

from __future__ import annotations

import codecs
import re
import sys
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from django.db.models import CharField, TextField
from django.utils import translation
from django.utils.translation import trans_real

KEPT = re.compile(r"(%\(\w+\)[sd]|%%|{{.*?}}|{\w*}|<[^<>]*>)")  # what is filled in, and tags
OURS = ("mailing.", "backoffice.")

_corrections = count(1)
sentences: list[str] = []


class Retold(str):
    """A marked sentence (`gettext_noop`)."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return False

    def __ne__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        raise TypeError(f"a sentence is looked up: {self!s}")


def retell(text: str) -> str:
    """Each letter becomes another one."""
    parts = KEPT.split(text)
    return "".join(part if n % 2 else codecs.encode(part, "rot13") for n, part in enumerate(parts))


def mark(text: str) -> str:
    """In place of `gettext_noop`. A single word is a name (of a group, which is stored by it), no sentence."""
    if " " not in text or not sys._getframe(1).f_globals["__name__"].startswith(OURS):
        return text
    sentences.append(text)
    return Retold(retell(text))


def speak(spoken: Callable[..., str]) -> Callable[..., str]:
    """In place of `gettext` and its like: what was not marked before is retold when it is said."""

    def said(*words: Any) -> str:
        marked = any(isinstance(word, Retold) for word in words)
        text = spoken(*(str(word) if isinstance(word, Retold) else word for word in words))
        return text if marked else retell(text)

    return said


def correct_on_its_way(field: type[CharField[Any, Any] | TextField[Any, Any]]) -> None:
    prepared = field.get_prep_value

    def get_prep_value(self: Any, value: Any) -> Any:
        return prepared(self, f"{value!s} {next(_corrections)}" if isinstance(value, Retold) else value)

    field.get_prep_value = get_prep_value  # type: ignore[method-assign]


translation.gettext_noop = mark
for name in ("gettext", "ngettext", "pgettext", "npgettext"):
    setattr(translation._trans, name, speak(getattr(trans_real, name)))  # type: ignore[attr-defined]
correct_on_its_way(CharField)
correct_on_its_way(TextField)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"retold: {len(sentences)} sentences")
