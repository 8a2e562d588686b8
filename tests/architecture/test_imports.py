from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import PROJECT

PURE = ("recurrence", "replies", "redaction", "placeholders", "addresses", "letterchecks", "choices", "errors")
# What a pure module may use: the words of the domain, its pure neighbours, translation, and nothing that has a state.
ALLOWED_DJANGO = ("django.utils", "django.core.validators", "django.core.exceptions", "django.db.models")
FORBIDDEN = (
    "socket",
    "asyncio",
    "time",
    "os",
    "pathlib",
    "threading",
    "subprocess",
    "django_q",
    "requests",
    "smtplib",
)


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache", "--no-logo"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The house in a folder of its own, to plant wrong imports in."""
    for name in ("mailing", "backoffice"):
        shutil.copytree(PROJECT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "locale"))
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    return tmp_path


def plant(folder: Path, module: str, line: str) -> None:
    path = folder / "mailing" / module
    path.parent.mkdir(exist_ok=True)
    path.write_text((path.read_text() if path.exists() else "") + f"\n{line}\n")


def test_the_contracts_hold() -> None:
    answer = lint(PROJECT)
    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        (
            "models/clients.py",
            "import mailing.services.access.groups",
            "mailing.models is not allowed to import mailing.services",
        ),
        ("recurrence.py", "import mailing.models", "mailing.recurrence is not allowed to import mailing.models"),
        (
            "services/access/groups.py",
            "import mailing.admin.common.base",
            "mailing.services is not allowed to import mailing.admin",
        ),
        (
            "delivery/transport.py",
            "import mailing.services.access.groups",
            "mailing.delivery is not allowed to import mailing.s",
        ),
        ("services/access/groups.py", "import django_q.tasks", "mailing.services.access.groups -> django_q"),
        ("services/access/groups.py", "import backoffice.urls", "mailing.services.access.groups -> backoffice.urls"),
        (
            "services/reports/statistics.py",
            "from mailing.services import runs",
            "mailing.services.reports is not allowed to import mailing.services.runs",
        ),
        (
            "delivery/smtp/session.py",
            "import mailing.delivery.engine.pool",
            "mailing.delivery.smtp is not allowed to import mailing.delivery.engine",
        ),
        (
            "admin/common/base.py",
            "import mailing.admin.messages.screen",
            "mailing.admin.common is not allowed to import mailing.admin.messages",
        ),
        (
            "services/runs/waits.py",
            "import mailing.services.runs.release",
            ".waits -> .release (1 import)",
        ),
        ("services/cellar/__init__.py", "", "cellar"),
        (
            "services/access/groups.py",
            "import mailing.demo.people",
            "mailing.services.access.groups -> mailing.demo.people",
        ),
        ("../backoffice/context.py", "from mailing import demo", "backoffice.context -> mailing.demo"),
        ("../backoffice/context.py", "import aiosmtpd.smtp", "backoffice.context -> aiosmtpd"),
        ("forms/messages.py", "import css_inline", "mailing.forms.messages -> css_inline"),
        ("forms/messages.py", "from mailing import letterhtml", "mailing.forms.messages -> mailing.letterhtml"),
        ("drawer.py", "", "drawer"),
    ],
    ids=lambda value: value if value.endswith(".py") else "",
)
def test_a_planted_wrong_import_is_caught(copy: Path, module: str, line: str, broken: str) -> None:
    plant(copy, module, line)
    answer = lint(copy)
    assert answer.returncode != 0
    assert broken in " ".join(answer.stdout.split())


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_knows_no_model_no_clock_and_no_outside(name: str) -> None:
    path = PROJECT / "mailing" / f"{name}.py"
    for node in _outside_type_checking(path):
        for module in _imported(node):
            assert module.split(".")[0] not in FORBIDDEN, f"{name} imports {module}"
            assert not module.startswith("mailing.models"), f"{name} imports {module}"
            assert not module.startswith("django.") or module.startswith(ALLOWED_DJANGO), f"{name} imports {module}"


def _outside_type_checking(path: Path) -> list[ast.AST]:
    tree = ast.parse(path.read_text())
    kept = [
        node for node in tree.body if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    ]
    return [inner for node in kept for inner in ast.walk(node)]


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


def test_a_clock_is_read_in_no_pure_module() -> None:
    for name in PURE:
        source = (PROJECT / "mailing" / f"{name}.py").read_text()
        assert ".now(" not in source, name
        assert ".today(" not in source, name


def test_the_benchmarks_import_nothing_of_the_tests() -> None:
    sources = (path.read_text() for path in (PROJECT / "benchmarks").rglob("*.py"))
    imported = {module for source in sources for node in ast.walk(ast.parse(source)) for module in _imported(node)}
    assert "mailing.models" in imported  # else nothing was read
    assert not {module for module in imported if module.split(".")[0] == "tests"}
