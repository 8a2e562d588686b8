"""State is kept in columns, never in sentences: whoever corrects a typo changes no behaviour."""

from __future__ import annotations

import os
import re
import subprocess
import sys

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
