"""The process behind `manage.py qcluster`: django-q's cluster, and the ticker beside it.

Its main process, which idles in django-q, keeps the time: a pass of django-q's scheduler each 5 s (its own comes
each 30 s), the tick, the heartbeat, and the watchdog.
docs/decisions/ has the measurements behind each of them.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from types import FrameType
from typing import Any

from django.conf import settings
from django.db import close_old_connections, connections
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.cluster import Cluster
from django_q.conf import Conf
from django_q.scheduler import scheduler

from mailing import __version__, process_signals, scheduling
from mailing.models import Attempt
from mailing.services.operations import health, reconciler

logger = logging.getLogger(__name__)

SCHEDULER_SECONDS = 5.0
HEARTBEAT_SECONDS = 15.0
ROOM_SECONDS = 1.0
PURGE_SECONDS = 600.0
PING_AFTER = 60.0  # seconds without a sign of life from any worker
DEAD_AFTER = 300.0  # seconds without an answer to our pings: a killed idle worker can hold the queue's lock for ever
# Letters in flight have 10 s. A worker that a signal to the whole group killed may have held the queue's lock, and
# then django-q's orderly end waits for ever.
STOP_WITHIN = 15.0
STEP = 0.25


class MailCluster(Cluster):
    """django-q's cluster whose signal handler only sets a flag.

    The stock one joins the sentinel inside the handler, in the middle of whatever transaction the tick has open.
    """

    def sig_handler(self, signum: int, frame: FrameType | None) -> None:
        process_signals.request_stop()

    def order_stop(self) -> None:
        """What `stop` does, but for waiting without limit."""
        order: Any = self.stop_event
        order.set()

    @property
    def process(self) -> Any:
        """The sentinel, which guards the workers."""
        return self.sentinel


@dataclass
class Job:
    """Something the ticker does again and again."""

    work: Callable[[], object]
    every: float
    next_at: float = 0.0


@dataclass
class Ticker:
    """The main process's work. A round never raises: trouble is logged, and the next round tries again."""

    jobs: list[Job] = field(default_factory=list)
    first_unanswered: float = 0.0
    waiting_before: frozenset[int] = frozenset()
    purged_at: float = 0.0

    def __post_init__(self) -> None:
        tick = settings.MAILING_TICK_SECONDS
        self.jobs = [
            Job(self.heartbeat, min(HEARTBEAT_SECONDS, tick)),
            Job(self.schedules, min(SCHEDULER_SECONDS, tick)),
            Job(self.reconcile, tick),
            Job(self.room, ROOM_SECONDS),
            Job(self.watch, SCHEDULER_SECONDS),
        ]

    def step(self) -> float:
        """How long the main process may sleep between two looks."""
        return min(STEP, settings.MAILING_TICK_SECONDS / 4)

    def round(self) -> bool:
        """Does what is due. False: the workers are dead, leave."""
        moment = time.monotonic()
        due = [job for job in self.jobs if job.next_at <= moment]
        for job in due:
            if process_signals.stop_requested():
                break
            self._do(job)
            job.next_at = time.monotonic() + job.every
        return not self.workers_dead()

    def _do(self, job: Job) -> None:
        close_old_connections()
        try:
            job.work()
        except Exception:  # of whatever kind: the other jobs go on, and this one is tried again
            logger.exception("The ticker could not finish a job; it tries again in %s s", job.every)
            close_old_connections()

    # --- Jobs ---------------------------------------------------------------------------------------

    def schedules(self) -> None:
        """A pass of django-q's scheduler, after what would make it fail was taken out of its way."""
        reconciler.park_broken(timezone.now())
        scheduler(broker=get_broker())

    def reconcile(self) -> None:
        purge = time.monotonic() - self.purged_at > PURGE_SECONDS or not self.purged_at
        if purge:
            self.purged_at = time.monotonic()
        report = reconciler.tick(purge=purge)
        while report.unfinished and not process_signals.stop_requested():
            self.heartbeat()
            report = reconciler.tick(purge=False)
        if report.findings:
            logger.info("Tick: %s", report)

    def heartbeat(self) -> None:
        workers: Any = Conf.WORKERS
        health.beat(
            host=socket.gethostname(),
            pid=os.getpid(),
            version=__version__,
            workers=workers,
            worker_seen=timezone.now() - timedelta(seconds=time.monotonic() - process_signals.last_beat()),
        )

    def room(self) -> None:
        """An attempt that nobody took for a second while slices run: all workers are busy, one shall yield."""
        if not process_signals.slice_running():
            self.waiting_before = frozenset()
            return
        ready = Attempt.objects.ready(timezone.now()).filter(mailing__is_paused=False)
        waiting = frozenset(ready.values_list("pk", flat=True)[:100])
        if waiting & self.waiting_before:
            process_signals.want_room()
        self.waiting_before = waiting

    def watch(self) -> None:
        """Silence may only mean that there is nothing to do: ask. Machines share the pings, so ask at each pass."""
        moment = time.monotonic()
        if process_signals.last_beat() >= self.first_unanswered:
            self.first_unanswered = 0.0
        if moment - process_signals.last_beat() > PING_AFTER:
            scheduling.ping()
            self.first_unanswered = self.first_unanswered or moment

    def workers_dead(self) -> bool:
        """Pings could be queued for minutes, and no worker of ours took one."""
        asked = self.first_unanswered
        return (
            bool(asked) and process_signals.last_beat() < asked and time.monotonic() - asked > DEAD_AFTER - PING_AFTER
        )


def die_with_parent() -> None:
    """In each child: SIGTERM when the parent dies. Without it orphaned workers go on with old code (Linux only)."""
    if sys.platform != "linux":
        return
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def run() -> int:
    """Runs the cluster until it is told to stop (0) or has died (1); a supervisor starts it again."""
    os.register_at_fork(after_in_child=die_with_parent)
    connections.close_all()  # nothing open across a fork
    process_signals.reset()
    cluster, ticker = MailCluster(), Ticker()
    cluster.start()
    while cluster.process.is_alive() and not process_signals.stop_requested():
        if not ticker.round():
            logger.critical("The workers do not answer any more: leaving, so that a new cluster is started.")
            break
        cluster.process.join(ticker.step())
    connections.close_all()
    return _leave(cluster)


def _leave(cluster: MailCluster) -> int:
    ordered = process_signals.stop_requested()
    if ordered and cluster.process.is_alive():
        cluster.order_stop()
        cluster.process.join(STOP_WITHIN)
    if cluster.process.is_alive():  # its children are told by the kernel (`die_with_parent`)
        cluster.process.kill()
        cluster.process.join()
    _say_goodbye()
    return 0 if ordered else 1


def _say_goodbye() -> None:
    try:
        health.forget(host=socket.gethostname(), pid=os.getpid())
    except Exception:  # the database may be why we leave
        logger.warning("The heartbeat could not be taken back; it expires by itself.")
    connections.close_all()
