"""What a process loads before its first line of work."""

from __future__ import annotations

import subprocess
import sys

import pytest

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


@pytest.mark.parametrize(
    "name",
    [
        "mailing.forms",
        "mailing.charts",
        "mailing.furniture",
        "mailing.letterhtml",
        "mailing.services.clients",
        "mailing.services.mailings.forecast",
        "mailing.services.operations",
        "mailing.services.reports.overview",
        "mailing.services.reports.tables",
        "mailing.tables",
        "import_export.resources",
    ],
)
def test_a_run_that_sends_loads_nothing_that_is_for_pages(name: str) -> None:
    """A face that names modules imports none of them: whoever wants one loads that one."""
    assert modules_after("import mailing.management.commands.run_mailing", name) == "[]"


def test_the_collector_rests_while_a_command_is_loaded_and_works_while_it_runs() -> None:
    """Looking for rubbish among what is being loaded took a fifth of the time that loading takes."""
    look = "import gc; print(gc.isenabled(), gc.get_freeze_count() > 50_000, gc.get_stats()[2]['collections'])"
    arguments = ["", "shell", "--no-imports", "-c", look]
    program = f"from backoffice import starting; starting.command_line({arguments!r})"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, env=environment(), check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["True", "True", "0"]
