"""docs/rules.md and what names its rules agree: each is found, each has a test that holds it, each path is there.

A rule is named by the first words of its heading and by nothing else, so that one search finds everything about it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.files import below
from tests.processes import PROJECT

RULES = "docs/rules.md"
ROOMS = ("mailing", "backoffice", "templates", "tests", "docs", "benchmarks")
KINDS = {".py", ".md", ".html"}

NAMED = re.compile(r"\brules? (\d+(?:(?:, | and )\d+)*) of (the calendar|a run)\b", re.IGNORECASE)
NUMBERED = re.compile(r"\brules? \d+", re.IGNORECASE)
HEADING = re.compile(r"### (Rule \d+ of (?:the calendar|a run)): ")
PATH = re.compile(r"`((?:" + "|".join(ROOMS) + r")/[^`\s]*)`")
LINE_END = re.compile(r"\s*\n[ \t]*(?:#+ )?")  # in prose, and in a comment of several lines


def trouble(texts: dict[str, str]) -> list[str]:
    """What is wrong with the rules, in sentences; `texts` are all files by their paths, the rules among them."""
    sections = sections_of(texts[RULES])
    naming = {path: named(text) for path, text in texts.items()}
    holding = {path: named_by_tests(text) for path, text in texts.items() if is_test(path)}
    return [
        *(f"{path}: “{words}” of which list?" for path, text in texts.items() for words in numbers_alone(text)),
        *(f"{path}: there is no {name}" for path, names in naming.items() for name in sorted(names - set(sections))),
        *(f"{name}: no test names it" for name in sections if not any(name in names for names in holding.values())),
        *(f"{RULES}: {path} is not there" for path in PATH.findall(texts[RULES]) if path not in texts),
        *wrong_places(sections, naming, holding),
    ]


def wrong_places(
    sections: dict[str, str], naming: dict[str, set[str]], holding: dict[str, set[str]]
) -> Iterator[str]:
    """A section lists the code and the tests that name its rule, and no test that does not."""
    for name, section in sections.items():
        listed = set(PATH.findall(section))
        for path, names in naming.items():
            if name in names and path.endswith(".py") and path not in listed:
                yield f"{RULES}, {name}: {path} names it and is not listed"
        for path in sorted(listed & set(holding)):
            if name not in holding[path]:
                yield f"{RULES}, {name}: no test of {path} names it"


def is_test(path: str) -> bool:
    return path.startswith("tests/") and path.endswith(".py") and not path.startswith("tests/architecture/")


def sections_of(rules: str) -> dict[str, str]:
    parts = re.split(r"^(?=#{2,3} )", rules, flags=re.MULTILINE)
    return {found[1].lower(): part for part in parts if (found := HEADING.match(part))}


def named(text: str) -> set[str]:
    """The rules a text names: "Rules 3 and 7 of a run" are "rule 3 of a run" and "rule 7 of a run"."""
    found = NAMED.findall(LINE_END.sub(" ", text))
    return {f"rule {number} of {which}".lower() for numbers, which in found for number in re.findall(r"\d+", numbers)}


def numbers_alone(text: str) -> list[str]:
    return NUMBERED.findall(NAMED.sub("", LINE_END.sub(" ", text)))


def named_by_tests(source: str) -> set[str]:
    """The rules named in the docstrings of test functions: what a test says of itself, it must hold."""
    nodes = ast.walk(ast.parse(source))
    functions = (node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    tests = (function for function in functions if function.name.startswith("test_"))
    return {name for test in tests for name in named(ast.get_docstring(test) or "")}


def all_texts() -> dict[str, str]:
    """This file without its words: its examples are wrong on purpose."""
    texts = {path: "" if path == Path(__file__) else path.read_text() for path in below(*ROOMS, kinds=KINDS)}
    return {str(path.relative_to(PROJECT)): text for path, text in texts.items()}


def test_every_rule_is_held_by_a_test_and_everything_that_names_one_finds_it() -> None:
    assert trouble(all_texts()) == []


# --- The check itself: a small house in which all is well, and what may be planted there --------------------

A_RULE = "# Rules\n\n## Rules of a run\n\n### Rule 1 of a run: be kind\n\nSee `mailing/a.py`, `tests/test_a.py`.\n"
A_TEST = 'def test_kindness():\n    """Rule 1 of a run."""\n'
HOUSE = {RULES: A_RULE, "mailing/a.py": '"""Kind (rule 1 of a run)."""\n', "tests/test_a.py": A_TEST}


def test_a_house_in_which_all_is_well_has_no_trouble() -> None:
    assert trouble(HOUSE) == []


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        ("README.md", "By rule 2 of a run.", "README.md: there is no rule 2 of a run"),
        ("README.md", "By rules 1\nand 2 of a run.", "README.md: there is no rule 2 of a run"),
        ("mailing/b.py", "# By rule 1 of the\n# calendar.", "mailing/b.py: there is no rule 1 of the calendar"),
        ("mailing/b.py", "# By rule 1.", "mailing/b.py: “rule 1” of which list?"),
        ("mailing/b.py", "# Rule 1 of a run.", f"{RULES}, rule 1 of a run: mailing/b.py names it and is not listed"),
        ("tests/test_a.py", '"""Rule 1 of a run."""', "rule 1 of a run: no test names it"),
        ("tests/test_a.py", A_TEST.replace("test_", "a_"), "rule 1 of a run: no test names it"),
        ("tests/test_a.py", "", f"{RULES}, rule 1 of a run: no test of tests/test_a.py names it"),
        (RULES, f"{A_RULE}\n### Rule 2 of a run: be fast\n", "rule 2 of a run: no test names it"),
        (RULES, A_RULE.replace("/a.py", "/moved.py"), f"{RULES}: mailing/moved.py is not there"),
    ],
)
def test_what_is_planted_is_told(path: str, text: str, told: str) -> None:
    assert told in trouble(HOUSE | {path: text})
