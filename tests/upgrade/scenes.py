"""Runs that stand still, each left so by the product itself: its mail server misbehaved, or the process was killed.

What each waits for, since when, and who was refused before has to outlive every upgrade. In a dump a run is found by
the name of its mailing:

    interrupted                   a dead worker's run was taken up and is not over: its letters are unconfirmed
    interrupted and closed        the same, sent to its end
    killed                        a worker died with letters on their way, and nobody looked yet
    killed while being finished   the same, and staff had asked for its end
    begun by hand                 "send now" was pressed, no worker came yet
    begun by the clock            it fell due, no worker came yet
    every ending                  a retry of that mailing's first run was begun, no worker came yet
    paused in mid-run             one letter deferred, then paused by staff, and stopped by it
    waits: deferred               one letter has to come back later, two were accepted
    waits: rate                   one letter left, the rate allows the next later
    waits: all refused            20 of 25 clients were refused in a streak, the others not tried yet
    waits: all refused twice      20 refused in the first streak, 20 in the second, 5 not tried yet
    waits: refused, then service  20 refused in a streak, then 3 of 10 accepted, then the service failed
    waits: refused, given back    the same with 3 of 3; one of the 20 was claimed when it failed, and is queued
    waits: no answer, too slow, garbage, no word, login, certificate, sender, settings, asked to wait
                                  for the mail service, since its first trouble; one for each sentence that says so
    waits: trouble of others      for the mail service that failed another run: this one never knocked
"""

from __future__ import annotations

import io
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.core.management import call_command
from django.test import override_settings
from django.utils import timezone

from mailing import tasks
from mailing.choices import AttemptStatus, DeliveryReason, DeliveryStatus, WaitsFor
from mailing.models import Attempt, Mailing, MailService
from tests.processes import PROJECT, environment, wait_for
from tests.smtp.script import Fault
from tests.smtp.server import running
from tests.upgrade.rows import mailing, press

ALWAYS = 0
DONE, STAYS_OPEN, CONFIGURATION = 0, 75, 78  # exit codes of run_mailing
REFUSAL = Fault("rcpt", "550 5.7.1 not from you", times=ALWAYS)  # may mean the sender: twenty in a row are a streak

# Short waits: soon after a dump was made its runs may go on, so that a test need not wait for them.
QUICK: dict[str, Any] = {
    "SMTP_CONNECTIONS": 1,
    "SMTP_CLAIMS_AHEAD": 0,
    "SMTP_CONNECT_TIMEOUT": 1,
    "SMTP_REPLY_TIMEOUT": 1,
    "SMTP_DOT_TIMEOUT": 1,
    "MAILING_RETRY_DELAYS": [5.0, 5.0],
    "MAILING_BREAKER_PAUSES": [5.0],
}


@dataclass(frozen=True)
class Wait:
    """What the mail server does, and how the command then leaves its run."""

    name: str
    fault: Fault | None = None
    code: int = STAYS_OPEN
    server: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)


WAITS = (
    Wait("no answer", settings={"EMAIL_PORT": 1}),
    Wait("too slow", Fault("connect", "hang", times=ALWAYS)),
    Wait("garbage", Fault("connect", "garbage", times=ALWAYS)),
    Wait("no word", Fault("dot", "drop", times=ALWAYS)),
    Wait(
        "login",
        code=CONFIGURATION,
        server={"user": ("right", "secret")},
        settings={"EMAIL_HOST_USER": "right", "EMAIL_HOST_PASSWORD": "wrong"},
    ),
    Wait(
        "certificate",
        code=CONFIGURATION,
        server={"certificate": "expired", "implicit_tls": True},
        settings={"EMAIL_SECURITY": "tls"},
    ),
    Wait("sender", Fault("mail", "550 5.1.8 no such sender", times=ALWAYS), code=CONFIGURATION),
    Wait("settings", Fault("connect", "554 5.3.2 not for you", times=ALWAYS), code=CONFIGURATION),
    Wait("asked to wait", Fault("connect", "421 4.3.2 closing", times=ALWAYS)),
)


def play() -> None:
    """Makes them all; each is checked to stand as its name says."""
    for scene in (_dead_workers, _begun, _paused, _deferred, _rate, _refused, _refused_then_service, _service):
        scene()


def send(made: Mailing, *faults: Fault, code: int = STAYS_OPEN, server: Any = None, **changed: Any) -> None:
    """`run_mailing` in this process, to a server with these faults; it must end with this code."""
    said = io.StringIO()
    ended: Any = None
    with _served(*faults, server=server, **changed):
        try:
            call_command("run_mailing", str(made.pk), "--no-wait", stdout=said, stderr=said)
        except SystemExit as left:
            ended = left.code
    assert ended == code, f"{made}: {ended} instead of {code}: {said.getvalue()}"


def _work(made: Mailing, **changed: Any) -> None:
    """A worker takes the run up for a moment."""
    with _served(MAILING_SLICE_SECONDS=0.5, **changed):
        tasks.run_slice(made.attempts.get(status=AttemptStatus.RUNNING).pk)


@contextmanager
def _served(*faults: Fault, server: Any = None, **changed: Any) -> Iterator[None]:
    with (
        running(*faults, **(server or {})) as there,
        override_settings(**QUICK | {"EMAIL_PORT": there.port} | changed),
    ):
        yield


def _service_works() -> None:
    """Somebody else's letter was accepted meanwhile."""
    MailService.objects.update(failures=0, until=None, response="")


# --- Dead workers -----------------------------------------------------------------------------------


def _dead_workers() -> None:
    interrupted, closed = _kill("interrupted"), _kill("interrupted and closed")
    _work(interrupted, MAILING_RATE_LIMIT="5/s")
    send(closed, code=DONE)
    for made in (interrupted, closed):
        attempt = made.attempts.get()
        assert attempt.interrupted_after
        assert attempt.deliveries.filter(reason=DeliveryReason.WORKER_DIED).count() == attempt.unconfirmed
    _kill("killed")
    finished = Attempt.objects.filter(mailing=_kill("killed while being finished"))
    finished.update(cut_short=DeliveryReason.FINISHED)
    Mailing.objects.filter(attempts__in=finished).update(end_at=timezone.now())
    Attempt.objects.exclude(lease_owner="").update(lease_owner="host.example.com:4711:1:0123456789ab")


def _kill(name: str) -> Mailing:
    """kill -9 while letters are on their way."""
    made = mailing(name, 20)
    rows = Attempt.objects.filter(mailing=made)
    with running() as server:
        quick = {"MAILING_RATE_LIMIT": "5/s", "MAILING_LEASE_SECONDS": "1", "SMTP_CONNECTIONS": "1"}
        process = subprocess.Popen(
            [sys.executable, "manage.py", "run_mailing", str(made.pk)],
            cwd=PROJECT,
            env=environment(EMAIL_PORT=str(server.port), **quick),
        )
        try:
            wait_for(lambda: rows.filter(sent__gte=3, deliveries__status=DeliveryStatus.SENDING).exists())
        finally:
            process.kill()
            process.wait()
    time.sleep(1.5)  # the lease runs out, and PostgreSQL ends the last statement of the dead
    assert rows.get().deliveries.filter(status=DeliveryStatus.SENDING).exists()
    return made


# --- Nobody came yet --------------------------------------------------------------------------------


def _begun() -> None:
    press("manager", f"mailing/{mailing('begun by hand').pk}/send/")
    tasks.run_due(mailing("begun by the clock").pk)
    press("manager", f"attempt/{Attempt.objects.get(mailing__name='every ending').pk}/retry/", unconfirmed="1")
    begun = Attempt.objects.running().filter(waits_for="", interrupted_after=None, lease_owner="")
    assert begun.count() == 3, begun


# --- Waiting for time, for staff, for the service ---------------------------------------------------


def _deferred() -> None:
    send(mailing("waits: deferred"), Fault("rcpt", "451 4.7.1 greylisted"))


def _rate() -> None:
    send(mailing("waits: rate"), MAILING_RATE_LIMIT="1/m")


def _paused() -> None:
    made = mailing("paused in mid-run")
    send(made, Fault("rcpt", "451 4.7.1 greylisted"))
    press("manager", f"mailing/{made.pk}/pause/")
    _work(made)
    assert made.attempts.get().resume_at is None


def _service() -> None:
    for wait in WAITS:
        _service_works()
        faults = (wait.fault,) if wait.fault else ()
        send(mailing(f"waits: {wait.name}", 10), *faults, code=wait.code, server=wait.server, **wait.settings)
    send(mailing("waits: trouble of others"))
    waiting = Attempt.objects.running().filter(mailing__name__startswith="waits: ")
    found = set(waiting.values_list("waits_for", flat=True))
    assert found == set(WaitsFor) - {WaitsFor.PAUSED}, found


# --- Refused in a streak ----------------------------------------------------------------------------


def _refused() -> None:
    send(made := mailing("waits: all refused", 25), REFUSAL)
    assert _refusals(made) == {DeliveryStatus.QUEUED: 20}
    _service_works()
    send(made := mailing("waits: all refused twice", 45), REFUSAL)
    _service_works()
    send(made, REFUSAL)
    assert _refusals(made) == {DeliveryStatus.QUEUED: 20, DeliveryStatus.DEFERRED: 20}


def _refused_then_service() -> None:
    for name, clients in (("waits: refused, then service", 30), ("waits: refused, given back", 23)):
        _service_works()
        send(made := mailing(name, clients), REFUSAL)
        _service_works()
        send(made, Fault("mail", "421 4.3.2 closing", skip=3, times=ALWAYS))
        assert made.attempts.get().sent == 3
        assert _refusals(made).total() == 20
        assert (clients == 23) == (_refusals(made)[DeliveryStatus.QUEUED] > 0), _refusals(made)


def _refusals(made: Mailing) -> Counter[str]:
    """Refused in a streak, by status."""
    rows = made.attempts.get().deliveries.filter(refused_before=True)
    return Counter(rows.values_list("status", flat=True))
