"""The gateway to django-q: one Schedule row per active mailing, and tasks put into the queue.

django-q says *now*; our calendar says *when* and *whether* (rule 3 of the calendar). Beside this module only the
worker process and the queue's own screens know django-q; an import contract keeps it so.
Rows are written with `update()`, never `save()`: an update waits for the scheduler's transaction and wins.
"""

from __future__ import annotations

import ast
import logging
from base64 import b64decode
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import router, transaction
from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.models import Failure, Schedule, Task
from django_q.signals import pre_execute
from django_q.signing import SignedPackage
from django_q.tasks import async_task

from mailing import process_signals
from mailing.choices import Periodicity
from mailing.models import Mailing

logger = logging.getLogger(__name__)

RUN_DUE = "mailing.tasks.run_due"
RUN_SLICE = "mailing.tasks.run_slice"
TELL_STAFF = "mailing.tasks.tell_staff"
LOAD_CLIENTS = "mailing.tasks.load_clients"
SEND_PASSWORD_LETTER = "mailing.tasks.send_password_letter"
PING = "mailing.tasks.ping"

NAME = "mailing:"  # + the mailing's number
FAILURES_KEPT = timedelta(days=30)

# What people see in the list of schedules; never trusted. A mailing that runs once has a DAILY row, because
# django-q deletes a ONCE row when it queues its task, and with it the fall-back.
KINDS = {
    Periodicity.ONCE: Schedule.DAILY,
    Periodicity.DAILY: Schedule.DAILY,
    Periodicity.WEEKLY: Schedule.WEEKLY,
    Periodicity.MONTHLY: Schedule.MONTHLY,
}


# --- Tasks ------------------------------------------------------------------------------------------


def enqueue(task: str, *args: object) -> None:
    """Queues a task when the transaction is through. A broker that is away costs a log line: the tick repairs."""
    transaction.on_commit(partial(async_task, task, *args), robust=True)


def enqueue_slice(attempt_id: int) -> None:
    """Wakes a worker for this attempt. It carries the time, so that a worker sees whether another came before."""
    enqueue(RUN_SLICE, attempt_id, timezone.now().timestamp())


def enqueue_run(mailing_id: int) -> None:
    """Lets a worker look at this mailing at once instead of at the next tick."""
    enqueue(RUN_DUE, mailing_id)


def ping() -> None:
    """A task that only shows that a worker takes tasks. Raises when it could not be queued."""
    async_task(PING)


def listen() -> None:
    """Each task a worker takes is a sign of life (`pulse`)."""
    pre_execute.connect(_task_taken, dispatch_uid="samovar.pulse")


def _task_taken(**signal_arguments: object) -> None:
    process_signals.beat()


# --- Rows -------------------------------------------------------------------------------------------


def row_fields(mailing_id: int, periodicity: str, next_run: datetime) -> dict[str, Any]:
    """The canonical Schedule row of an active mailing."""
    return {
        "name": f"{NAME}{mailing_id}",
        "func": RUN_DUE,
        "hook": None,
        "args": str(mailing_id),
        "kwargs": None,
        "schedule_type": KINDS[Periodicity(periodicity)],
        "minutes": None,
        "repeats": -1,
        "next_run": next_run,
        "cron": None,
        "cluster": None,
        "intended_date_kwarg": "due",
    }


def sync_row(mailing: Mailing) -> None:
    """Makes the mailing's row say what `next_run_at` says: written, created, or dropped when nothing is to come.

    Call it last in a transaction: an open one that changed a due row stalls the scheduler of all clusters.
    """
    if not mailing.is_active or mailing.next_run_at is None:
        drop_row(mailing)
        return
    fields = row_fields(mailing.pk, mailing.periodicity, mailing.next_run_at)
    if mailing.schedule_id and Schedule.objects.filter(pk=mailing.schedule_id).update(**fields):
        return
    row = Schedule.objects.filter(name=fields["name"]).order_by("pk").first()
    if row is None:
        row = Schedule.objects.create(**fields)
    else:
        Schedule.objects.filter(pk=row.pk).update(**fields)
    Mailing.objects.filter(pk=mailing.pk).update(schedule=row)
    mailing.schedule = row


def drop_row(mailing: Mailing) -> None:
    """A paused or finished mailing has no row."""
    mine = Q(name=f"{NAME}{mailing.pk}")
    if mailing.schedule_id:
        mine |= Q(pk=mailing.schedule_id)
        Mailing.objects.filter(pk=mailing.pk).update(schedule=None)
        mailing.schedule = None
    Schedule.objects.filter(mine).delete()


def rows_out_of_sync() -> QuerySet[Mailing]:
    """Mailings whose row is missing, or says anything but what it should: one query over all mailings."""
    number = Cast(OuterRef("pk"), CharField())
    right = Schedule.objects.filter(
        pk=OuterRef("schedule_id"),
        name=Concat(Value(NAME), number),
        args=number,
        func=RUN_DUE,
        next_run=OuterRef("next_run_at"),
        repeats=-1,
        cluster=None,
        schedule_type__in=KINDS.values(),
        hook=None,
        kwargs=None,
        intended_date_kwarg="due",
    )
    return Mailing.objects.active().exclude(next_run_at=None).exclude(Exists(right))


def orphan_rows() -> QuerySet[Schedule]:
    """Rows under our names which no active mailing owns."""
    owned = Mailing.objects.active().filter(schedule=OuterRef("pk")).exclude(next_run_at=None)
    return Schedule.objects.filter(Q(name__startswith=NAME) | Q(func=RUN_DUE)).exclude(Exists(owned))


def remove(row: Schedule) -> None:
    Schedule.objects.filter(pk=row.pk).delete()


# --- Broken rows ------------------------------------------------------------------------------------


def why_broken(row: Schedule) -> str:
    """Why this row would make django-q's scheduler fail for all rows; empty when it would not.

    The same steps as `django_q.scheduler.scheduler`: one exception there rolls back every due row, every time.
    """
    try:
        arguments = ast.literal_eval(row.args) if row.args else ()
        keywords = _keywords(row.kwargs or "")
        options = keywords.get("q_options", {})
        if not isinstance(options, dict):
            return "q_options is not a dictionary"
        if taken := {"func", "broker"} & (set(keywords) | {row.intended_date_kwarg}):
            return f"the name {taken.pop()} is taken"
        if row.schedule_type != Schedule.ONCE:
            row.calculate_next_run(row.next_run or timezone.now())
        package = {"func": row.func, "args": arguments, "kwargs": keywords, "name": row.name}
        if "\0" in SignedPackage.dumps(package) + repr(package):
            return "NUL"
    except Exception as error:  # whatever django-q would stumble over
        return f"{type(error).__name__}: {error}"
    return ""


def _keywords(text: str) -> dict[str, Any]:
    """Keyword arguments as the scheduler reads them; garbage is silently no arguments there."""
    if not text:
        return {}
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, ValueError):
        try:
            call: Any = ast.parse(f"f({text})").body[0]
            return {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.value.keywords}
        except (SyntaxError, ValueError):
            return {}
    if not isinstance(value, dict):
        raise TypeError("kwargs is not a dictionary")
    return value


def broken_rows(now: datetime) -> list[tuple[Schedule, str]]:
    """Rows that are due, or about to be, and would stop the scheduler; with the reason."""
    rows = Schedule.objects.filter(next_run__lt=now + timedelta(seconds=10)).exclude(repeats=0)
    return [(row, reason) for row in rows if (reason := why_broken(row))]


def owner(row: Schedule) -> int | None:
    """The number of the mailing that owns the row."""
    return Mailing.objects.filter(schedule=row.pk).values_list("pk", flat=True).first()


def park(number: int, reason: str) -> None:
    """Takes a foreign row out of the scheduler's way: it is never due any more, and nothing else of it changes."""
    Schedule.objects.filter(pk=number).update(next_run=None)
    logger.error("Schedule row %s is broken and was parked: %s", number, reason)


def parked_rows() -> list[tuple[Schedule, str]]:
    """Rows taken out of the scheduler's way, with the reason."""
    rows = Schedule.objects.filter(next_run=None).exclude(repeats=0)
    return [(row, reason) for row in rows if (reason := why_broken(row))]


def alias() -> str:
    """The database that holds the schedules."""
    return router.db_for_write(Schedule)


# --- Monitoring -------------------------------------------------------------------------------------


def queued() -> int | None:
    """Tasks that no worker has taken yet; None when the broker does not answer."""
    try:
        return int(get_broker().queue_size())
    except Exception as error:  # each broker has errors of its own
        logger.warning("The queue does not answer: %s", type(error).__name__)
        return None


def failures() -> int:
    """Tasks that ended in an exception within the last 30 days."""
    return Failure.objects.count()


# --- Housekeeping -----------------------------------------------------------------------------------


def purge_failures(now: datetime) -> int:
    """Deletes django-q's failure rows older than 30 days; it never does so itself."""
    return Failure.objects.filter(stopped__lt=now - FAILURES_KEPT).delete()[0]


def forget_failures(is_told_in: Callable[[bytes], bool]) -> int:
    """Empties what is kept of tasks that tell of somebody: an error may quote a row. No pickle is loaded."""
    kept = ("args", "kwargs", "result")
    pickles = Task.objects.order_by().values_list("pk", *(Cast(name, TextField()) for name in kept))
    told = [pk for pk, *texts in pickles.iterator() if any(text and is_told_in(_pickle(text)) for text in texts)]
    return Task.objects.filter(pk__in=told).update(**dict.fromkeys(kept))


def _pickle(text: str) -> bytes:
    try:
        return b64decode(text)
    except ValueError:  # not as django-q writes it
        return text.encode()
