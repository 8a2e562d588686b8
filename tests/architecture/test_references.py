"""Whoever reads the repository has everything it refers to: no document that is not in it, no number of a tracker."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.files import below
from tests.processes import PROJECT

ROOMS = ("mailing", "backoffice", "templates", "tests", "docs", "benchmarks")
KINDS = {".py", ".md", ".html", ".css", ".js", ".po"}
AT_THE_TOP = ("*.md", "*.toml", "*.yaml", "Makefile", "Dockerfile", ".env.sample", ".ci/run")

DOCUMENT = re.compile(r"(?<![:/\w.-])[\w./-]*\w\.md\b")
ELSEWHERE = re.compile(r"(?<![a-z])issue[ _#]+\d+|\bdesign documents?\b", re.IGNORECASE)


def unfindable(text: str, folder: Path) -> list[str]:
    """What a text refers to and a reader cannot find: not beside it, not from the root, in no document at all."""
    documents = (name for name in DOCUMENT.findall(text) if not any((at / name).exists() for at in (folder, PROJECT)))
    return [*documents, *ELSEWHERE.findall(text)]


def all_texts() -> list[Path]:
    """This file left out: its examples are wrong on purpose."""
    at_the_top = [path for pattern in AT_THE_TOP for path in PROJECT.glob(pattern)]
    return [path for path in (*at_the_top, *below(*ROOMS, kinds=KINDS)) if path != Path(__file__)]


def test_everything_that_is_referred_to_is_in_the_repository() -> None:
    found = {path: unfindable(path.read_text(), path.parent) for path in all_texts()}
    assert {str(path.relative_to(PROJECT)): names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "words",
    ["as plan.md says", "docs/gone.md", "[gone](../gone.md)", "since issue 2", "test_issue_2", "a design document"],
)
def test_what_a_reader_cannot_find_is_told(words: str) -> None:
    assert unfindable(words, PROJECT / "docs") != []


@pytest.mark.parametrize(
    "words", ["docs/rules.md", "[words](rules.md)", "CONTRIBUTING.md says how", "https://example.org/x.md"]
)
def test_what_is_in_the_repository_may_be_named(words: str) -> None:
    assert unfindable(words, PROJECT / "docs") == []
