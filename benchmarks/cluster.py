"""Measures what a real `qcluster` adds: the first letter after a start, and two mailings side by side."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.contestants import ROOT, Samovar
from benchmarks.sinks import DistantSink

START = """
import time
from django.utils import timezone
from mailing.models import Mailing
from mailing.services.mailings import lifecycle
for pk in {mailings}:
    print(time.time(), flush=True)
    lifecycle.resume(Mailing.objects.get(pk=pk), by=None)
"""
WAIT_FOR_CLUSTER = """
import time
from mailing.models import Heartbeat
while not Heartbeat.objects.filter(worker_seen__isnull=False).exists():
    time.sleep(0.2)
"""


@contextmanager
def running(product: Samovar, sink: DistantSink, *, connections: int, workers: int) -> Iterator[None]:
    """A cluster that has shown its first heartbeat."""
    environment = product.environment(port=sink.port, connections=connections, Q_WORKERS=str(workers))
    with product.log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "qcluster"], env=environment, cwd=ROOT, stdout=log, stderr=log
        )
    try:
        shell(product, environment, WAIT_FOR_CLUSTER)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def shell(product: Samovar, environment: dict[str, str], code: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", code],
        env=environment, cwd=ROOT, check=True, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return done.stdout


def wait_for(sink: DistantSink, letters: int, *, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while sink.accepted() < letters:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{sink.accepted()} of {letters} letters arrived in {seconds:.0f} s.")
        time.sleep(0.2)


def resume_all(product: Samovar, sink: DistantSink) -> float:
    """Starts every mailing; the moment (epoch seconds) just before the first."""
    printed = shell(product, product.environment(port=sink.port), START.format(mailings=product.mailings))
    return float(printed.split()[0])


def first_letter(folder: Path, clients: int, database_url: str = "") -> float:
    """Seconds from the start of a run to its first accepted letter, with a free worker."""
    folder.mkdir()
    product = Samovar(folder, clients, database_url=database_url, state="draft")
    with DistantSink(folder, 0) as sink, running(product, sink, connections=20, workers=2):
        begun = resume_all(product, sink)
        wait_for(sink, clients)
        first = sink.first()
        assert first is not None
        return first - begun


def side_by_side(folder: Path, clients: int) -> float:
    """How many times faster two mailings are on two workers than one after the other, 50 ms away."""
    return _span(folder / "one", clients, workers=1) / _span(folder / "two", clients, workers=2)


def _span(folder: Path, clients: int, *, workers: int) -> float:
    folder.mkdir()
    product = Samovar(folder, clients, mailings=2, state="draft")
    with DistantSink(folder, 0.05) as sink, running(product, sink, connections=10, workers=workers):
        begun = resume_all(product, sink)
        wait_for(sink, clients)
        last = sink.last()
        assert last is not None
        return last - begun
