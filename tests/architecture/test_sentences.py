"""State is kept in columns, never in sentences: whoever corrects a typo changes no behaviour."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import PROJECT

PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
# What runs do: how they begin, wait, go on, end, are missed; and what staff hear of it.
SUITE = (
    "tests/services/runs/test_creation.py",
    "tests/services/runs/test_release.py",
    "tests/services/runs/test_result.py",
    "tests/services/runs/test_slice.py",
    "tests/services/mailings/test_missed.py",
    "tests/services/operations/test_staff_notices.py::test_a_run_that_waits_for_the_mail_server_for_an_hour_is_told",
)


@pytest.mark.slow
def test_runs_do_the_same_when_every_sentence_is_another_one() -> None:
    done = subprocess.run(
        [*PYTEST, "-p", "tests.retold", "-k", "not slow_letter", *SUITE],  # that one is about time, not about words
        cwd=PROJECT,
        env=os.environ | {"DATABASE_URL": "sqlite:///var/samovar.sqlite3"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
    retold = re.search(r"retold: (\d+) sentences", done.stdout)
    assert retold is not None
    assert int(retold[1]) > 50


# --- Nobody asks a sentence -------------------------------------------------------------------------

Sentence = tuple[str, str]  # the module, its constant
LOOK_UPS = {"filter", "exclude", "get"}


def modules(root: Path) -> dict[str, ast.Module]:
    found = {}
    for path in sorted(file for top in ("mailing", "backoffice") for file in (root / top).rglob("*.py")):
        name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        found[name] = ast.parse(path.read_text())
    return found


def marked(name: str, tree: ast.Module) -> Iterator[Sentence]:
    """Constants that hold a sentence: `NOBODY = _("…")`, where `_` is gettext_noop."""
    markers = {called for called, (_, original) in imported(tree).items() if original == "gettext_noop"}
    for node in tree.body:
        called = node.value.func if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) else None
        if isinstance(node, ast.Assign) and isinstance(called, ast.Name) and called.id in markers:
            yield from ((name, target.id) for target in node.targets if isinstance(target, ast.Name))


def imported(tree: ast.Module) -> dict[str, Sentence]:
    lines = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    return {alias.asname or alias.name: (str(line.module), alias.name) for line in lines for alias in line.names}


def asked(tree: ast.Module) -> Iterator[ast.expr | None]:
    """What decides something: compared, the key of a table, looked up in it, or searched for in the database."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            yield from (node.left, *node.comparators)
        elif isinstance(node, ast.Dict):
            yield from node.keys
        elif isinstance(node, ast.Subscript):
            yield node.slice
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LOOK_UPS:
            yield from (*node.args[:1], *(keyword.value for keyword in node.keywords))


def questions(root: Path) -> list[str]:
    """Where a sentence decides."""
    trees = modules(root)
    sentences = {sentence for name, tree in trees.items() for sentence in marked(name, tree)}
    found = []
    for name, tree in trees.items():
        known = imported(tree)
        for node in asked(tree):
            if isinstance(node, ast.Name):
                meant = known.get(node.id, (name, node.id))
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                meant = (".".join(known.get(node.value.id, ("", ""))), node.attr)
            else:
                continue
            if meant in sentences:
                found.append(f"{name}:{node.lineno} decides by {'.'.join(meant)}")
    return found


def test_nothing_is_decided_by_a_sentence() -> None:
    names = {name for name in questions(PROJECT) if "services.access.groups" not in name}  # stored by these names
    assert names == set()


@pytest.mark.parametrize(
    "planted",
    [
        'kind = "disabled" if refusal.message == site_guard.DISABLED else "copy"',
        "steps = {site_guard.DISABLED: 1}",
        "others = attempts.exclude(note=site_guard.DISABLED)",
        "step = steps.get(site_guard.DISABLED)",
    ],
)
def test_a_planted_question_is_found(tmp_path: Path, planted: str) -> None:
    folder = tmp_path / "mailing" / "services" / "access"
    folder.mkdir(parents=True)
    guard = 'from django.utils.translation import gettext_noop as _\nDISABLED = _("Sending is switched off.")\n'
    (folder / "site_guard.py").write_text(guard)
    (tmp_path / "mailing" / "health.py").write_text(f"from mailing.services.access import site_guard\n{planted}\n")
    assert questions(tmp_path) == ["mailing.health:2 decides by mailing.services.access.site_guard.DISABLED"]
