"""Real clusters: processes of `manage.py qcluster` on the test's own database, and a mail server that counts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from subprocess import Popen

import pytest
from django.conf import LazySettings

from tests.processes import environment, running, wait_for
from tests.smtp import server as smtp

QUICK = {"MAILING_TICK_SECONDS": "1", "MAILING_LEASE_SECONDS": "6", "Q_WORKERS": "2"}
Start = Callable[..., Popen[bytes]]


@pytest.fixture
def mail(transactional_db: None, settings: LazySettings) -> Iterator[smtp.Server]:
    with smtp.running() as server:
        settings.EMAIL_PORT = server.port
        yield server


@pytest.fixture
def start(mail: smtp.Server, tmp_path: Path) -> Iterator[Start]:
    """Starts a cluster and waits until its workers run; all are stopped before the database is emptied."""
    with ExitStack() as clusters:
        number = iter(range(10))

        def begin(**changes: str) -> Popen[bytes]:
            log = tmp_path / f"qcluster{next(number)}.log"
            env = environment(**(QUICK | changes))
            process = clusters.enter_context(running("qcluster", log=log, env=env))
            wait_for(lambda: _is_up(process), what=log.read_text()[-3000:])
            return process

        yield begin


def _is_up(process: Popen[bytes]) -> bool:
    """The main process, the sentinel, a worker at the least, monitor and pusher."""
    assert process.poll() is None, "the cluster has died"
    return len(descendants(process.pid)) >= 4


def descendants(pid: int) -> list[int]:
    """Process numbers below this one, parents first."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        if found := re.search(r"^(\d+) \(.*\) [^Z] (\d+)", text):
            children.setdefault(int(found[2]), []).append(int(found[1]))
    found_all, waiting = [], [pid]
    while waiting:
        below = children.get(waiting.pop(0), [])
        found_all += below
        waiting += below
    return found_all
