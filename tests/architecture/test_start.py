"""What a process loads before its first line of work."""

from __future__ import annotations

from tests.processes import manage

LOADED = "import sys; print([name for name in sys.modules if name.startswith(('mailing.admin', 'openpyxl'))])"


def test_a_process_that_shows_no_page_loads_no_screen_of_the_admin() -> None:
    assert manage("shell", "-v0", "-c", "import mailing.tasks; " + LOADED).stdout.strip() == "[]"


def test_the_check_of_the_admin_looks_at_the_screens() -> None:
    look = "from django.core.checks import run_checks; run_checks(tags=['admin']); "
    assert "mailing.admin.mailings" in manage("shell", "-v0", "-c", look + LOADED).stdout
