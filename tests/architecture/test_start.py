"""What a process loads before its first line of work."""

from __future__ import annotations

import subprocess
import sys

from tests.processes import PROJECT, environment

LOADED = "import sys; print([name for name in sys.modules if name.startswith({!r})])"


def modules_after(work: str, beginning: str = "mailing.admin") -> str:
    program = f"import django; django.setup(); {work}; {LOADED.format(beginning)}"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, env=environment(), check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_a_process_that_shows_no_page_loads_no_screen_of_the_admin() -> None:
    assert modules_after("import mailing.tasks, mailing.cluster, mailing.management.commands.run_mailing") == "[]"


def test_the_check_of_the_admin_looks_at_the_screens() -> None:
    look = "from django.core.checks import run_checks; run_checks(tags=['admin'])"
    assert "mailing.admin.mailings" in modules_after(look)


def test_a_run_that_sends_loads_no_reader_of_workbooks() -> None:
    """Faces of rooms import whole rooms: 200 modules and 7 MB came along unnoticed once."""
    assert modules_after("import mailing.management.commands.run_mailing", "openpyxl") == "[]"
