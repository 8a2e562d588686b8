"""Sends one mailing in the foreground, with or without a cluster beside it. Scripts rely on its exit codes."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import NoReturn

from django.core.management.base import BaseCommand, CommandParser
from django.db import InterfaceError, OperationalError
from django.utils import timezone
from django.utils.translation import gettext as _

from mailing import process_signals, texts
from mailing.choices import AttemptStatus, Trigger
from mailing.delivery.engine.dispatcher import Stop
from mailing.errors import Refused
from mailing.management.progress import Bar
from mailing.models import Attempt, Mailing
from mailing.replies import Outcome, Verdict
from mailing.services import runs, states
from mailing.services.mailings import lifecycle
from mailing.services.runs import dry_run

DONE, FAILED, NOT_STARTED, STAYS_OPEN, CONFIGURATION = 0, 1, 2, 75, 78
STOPPED = 128  # + the number of the signal
TURN = 0.2  # seconds between two looks whether a signal came while we wait


class Command(BaseCommand):
    help = (
        "Sends a mailing now: takes up its unfinished run, else runs what is due, else makes an extra run. "
        "Exit codes: 0 done, all or some letters accepted, 1 failed, 2 not started, 75 goes on by itself, "
        "78 the mail settings or the message were refused, 130/143 stopped by a signal."
    )
    requires_system_checks = ("mailing",)  # all of them would load every screen of the admin first

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("mailing", type=int, help="the number of the mailing")
        parser.add_argument("--due-only", action="store_true", help="run what is due, make no extra run")
        parser.add_argument("--again", action="store_true", help="also when it was sent less than a minute ago")
        parser.add_argument("--dry-run", action="store_true", help="compose all letters, log in, send nothing")
        parser.add_argument("--no-wait", action="store_true", help="leave deferred letters to the cluster")

    def handle(
        self,
        *args: object,
        mailing: int,
        due_only: bool,
        again: bool,
        dry_run: bool,
        no_wait: bool,
        **options: object,
    ) -> None:
        found = Mailing.objects.filter(pk=mailing).select_related("message").first()
        if found is None:
            self._exit(NOT_STARTED, _(texts.NO_SUCH_MAILING) % {"number": mailing})
        elif dry_run:
            self._rehearse(found)
        else:
            self._send(found, due_only=due_only, again=again, wait=not no_wait)

    # --- Sending ---------------------------------------------------------------------------------

    def _send(self, mailing: Mailing, *, due_only: bool, again: bool, wait: bool) -> None:
        attempt = None
        # Asked to stop, we finish the letters in flight first.
        with process_signals.caught(signal.SIGINT, signal.SIGTERM) as told:
            try:
                attempt = lifecycle.send_now(mailing, trigger=Trigger.COMMAND, again=again, due_only=due_only)
                result = self._work(attempt, told, wait=wait)
                lifecycle.refresh(mailing.pk)
            except Refused as refusal:
                self._exit(NOT_STARTED, str(refusal))
            except (OperationalError, InterfaceError) as error:  # a full disk, a database that is away
                self._give_up(attempt, error)
            else:
                self._report(attempt, result, told)

    def _work(self, attempt: Attempt, told: list[int], *, wait: bool) -> runs.SliceResult:
        """Slice after slice until the run has its result, or waits for something we do not wait for."""
        bar = Bar(sys.stderr)
        while True:
            result = runs.run_slice(attempt.pk, stop=lambda: bool(told), seconds=runs.NO_LIMIT, progress=bar.show)
            deferred = result.state is runs.SliceState.OPEN and result.stopped is Stop.NOTHING_LEFT
            if told or not deferred or (result.next_at is not None and not wait):
                bar.close()
                return result
            _sleep_until(result.next_at, lambda: bool(told))

    def _give_up(self, attempt: Attempt | None, error: Exception) -> NoReturn:
        """What was not written down stays as it stands in the database; the next who comes finds it so."""
        if attempt is None:
            words = _("The database does not work: %(words)s. Nothing was sent.")
            self._exit(NOT_STARTED, words % {"words": error})
        words = _(
            "The database does not work: %(words)s. What is left of attempt %(attempt)s goes on by itself, or by "
            "this command, when it works again."
        )
        self._exit(STAYS_OPEN, words % {"words": error, "attempt": attempt.pk})

    def _report(self, attempt: Attempt, result: runs.SliceResult, told: list[int]) -> None:
        attempt.refresh_from_db()
        self.stdout.write(_summary(attempt))
        for words in (attempt.note_text, attempt.response):
            if words and attempt.status != AttemptStatus.SUCCEEDED:
                self.stdout.write(words)
        sys.exit(_exit_code(attempt, result, told))

    # --- Rehearsing ------------------------------------------------------------------------------

    def _rehearse(self, mailing: Mailing) -> None:
        rehearsal = dry_run.run(mailing)
        words = _("%(letters)s letters can be composed, %(skipped)s recipients would be skipped.")
        self.stdout.write(words % {"letters": rehearsal.letters, "skipped": rehearsal.skipped.total()})
        for email, reason in rehearsal.examples:
            self.stdout.write(f"  {email}: {reason.label}")
        server = rehearsal.server
        if rehearsal.server_ready:
            self.stdout.write(_("The mail server lets us in."))
        elif server is not None:
            self.stdout.write(_("The mail server does not let us in: %(words)s") % {"words": server.response})
        if rehearsal.problem:
            self._exit(CONFIGURATION, rehearsal.problem)
        if not rehearsal.letters:
            self._exit(NOT_STARTED, _(texts.NOBODY))
        sys.exit(DONE if rehearsal.ready else _trouble_code(server))

    def _exit(self, code: int, words: str) -> NoReturn:
        self.stderr.write(words)
        sys.exit(code)


def _summary(attempt: Attempt) -> str:
    words = _(
        "Attempt %(attempt)s: %(status)s. Recipients %(audience)s: accepted %(sent)s, refused %(failed)s, "
        "unconfirmed %(unconfirmed)s, skipped %(skipped)s, open %(open)s."
    )
    numbers = ("audience", "sent", "failed", "unconfirmed", "skipped", "open")
    return words % {
        "attempt": attempt.pk,
        "status": states.of_run(attempt).words,
        **{name: getattr(attempt, name) for name in numbers},
    }


def _exit_code(attempt: Attempt, result: runs.SliceResult, told: list[int]) -> int:
    if result.stopped is Stop.MESSAGE:
        return CONFIGURATION
    if attempt.status in (AttemptStatus.SUCCEEDED, AttemptStatus.PARTLY):
        return DONE
    if attempt.status == AttemptStatus.FAILED:
        return FAILED
    if told:
        return STOPPED + told[0]
    if result.state is runs.SliceState.BUSY:
        return NOT_STARTED
    return _trouble_code(result.outcome)


def _trouble_code(outcome: Outcome | None) -> int:
    return CONFIGURATION if outcome is not None and outcome.verdict is Verdict.CONFIGURATION else STAYS_OPEN


def _sleep_until(moment: datetime | None, stop: Callable[[], bool]) -> None:
    while moment is not None and timezone.now() < moment and not stop():
        time.sleep(min(TURN, max(0.0, (moment - timezone.now()).total_seconds())))
