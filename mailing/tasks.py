"""What a worker of the cluster does: thin doors to the services. A task carries numbers only."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from django.db import close_old_connections
from django.utils import timezone

from mailing import process_signals, scheduling
from mailing.models import Attempt
from mailing.services import runs
from mailing.services.access import password_letters, site_guard
from mailing.services.clients import imports
from mailing.services.mailings import lifecycle
from mailing.services.operations import staff_notices

ROOM_AFTER = 2.0  # seconds a slice works before it gives its worker to somebody who waits


def run_due(mailing_id: int, due: str | None = None) -> None:
    """The alarm clock rang for a mailing. `due` is django-q's own idea of the time: our calendar decides."""
    lifecycle.run_due(mailing_id, timezone.now())


def run_slice(attempt_id: int, queued: float | None = None) -> None:
    """Sends letters of an attempt for a while, and asks for the next slice if any are left."""
    if process_signals.stop_requested() or site_guard.closed() or (queued and _has_successor(attempt_id, queued)):
        return
    parent = os.getppid()
    with _told_to_stop(parent) as stop:
        result = runs.run_slice(attempt_id, stop=stop)
    close_old_connections()
    if os.getppid() != parent:
        raise SystemExit(0)  # the cluster is gone: django-q leaves the task unacknowledged, the tick resumes
    if result.state == "open" and result.next_at is None:
        scheduling.enqueue_slice(attempt_id)
    lifecycle.refresh(result.mailing_id)


def _has_successor(attempt_id: int, queued: float) -> bool:
    """Whether another task has worked on the attempt since this one was queued: it queued the next one.

    The tick makes a task for every run nobody is working on. Without this each of them would live as long as the
    run, and with more runs than workers the queue would grow by the minute, and new runs wait behind it.
    """
    since = datetime.fromtimestamp(queued, UTC)
    return Attempt.objects.filter(pk=attempt_id, slice_at__gt=since, slice_at__lte=timezone.now()).exists()


def tell_staff() -> None:
    """Sends the letters to staff that are waiting."""
    staff_notices.send_waiting(timezone.now())


def send_password_letter(event_id: int) -> None:
    """Sends the letter that an entry of the access log asks for."""
    password_letters.send(event_id)


def load_clients(upload_id: int, language: str) -> None:
    """Loads a large file of clients; its owner looks at the progress meanwhile."""
    imports.load_handed_over(upload_id, language)


def ping() -> None:
    """Shows the watchdog that a worker takes tasks (the signal before each task does)."""


@contextmanager
def _told_to_stop(parent: int) -> Iterator[Callable[[], bool]]:
    """The question for each pulse of a slice: stop now? The cluster, SIGTERM, a dead parent, or others who wait."""
    begun = time.monotonic()
    with process_signals.caught(signal.SIGTERM) as told:

        def stop() -> bool:
            process_signals.beat(in_slice=True)
            if time.monotonic() - begun > ROOM_AFTER and process_signals.room_wanted_since(begun):
                return True
            return bool(told) or process_signals.stop_requested() or os.getppid() != parent

        yield stop
