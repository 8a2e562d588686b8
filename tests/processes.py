"""Real child processes of the tests: started on ports of their own, stopped by their own id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from django.conf import settings
from django.db import connection

T = TypeVar("T")
PROJECT = Path(__file__).resolve().parent.parent


def database_url() -> str:
    """The DATABASE_URL of the test's own database, for child processes."""
    database = connection.settings_dict
    if database["ENGINE"].endswith("sqlite3"):
        return f"sqlite:///{database['NAME']}"
    user, host, port, name = (database[key] for key in ("USER", "HOST", "PORT", "NAME"))
    return f"postgres://{user}@{host}:{port}/{name}"


def environment(**changes: str) -> dict[str, str]:
    """What a child process of this test run needs to see the same installation."""
    shared = {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": database_url(),
        "EMAIL_PORT": str(settings.EMAIL_PORT),
        "PYTHONUNBUFFERED": "1",
    }
    return os.environ | shared | changes


@contextmanager
def running(
    *command: str, log: Path, env: Mapping[str, str] | None = None, wait: float = 15
) -> Iterator[subprocess.Popen[bytes]]:
    """`manage.py <command>` in the background; SIGTERM at the end, SIGKILL to its group when that did not help."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", *command],
            cwd=PROJECT,
            env=env or environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(wait)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def manage(*command: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """`manage.py <command>` to its end."""
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=PROJECT,
        env=env or environment(),
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )


def wait_for(probe: Callable[[], T], *, seconds: float = 60, what: str = "") -> T:
    """The first truthy answer of the probe."""
    give_up = time.monotonic() + seconds
    while not (answer := probe()):
        assert time.monotonic() < give_up, f"waited {seconds} s in vain{': ' + what if what else ''}"
        time.sleep(0.05)
    return answer
