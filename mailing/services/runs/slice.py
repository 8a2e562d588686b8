"""A slice: one process works on one attempt for a while, under a lease, then lets go.

What comes next follows from the rows alone, so a slice may die at any moment: the next one takes the lease over.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from mailing import current_attempt, links
from mailing.choices import AttemptStatus, DeliveryReason, DeliveryStatus, Trigger, WaitsFor
from mailing.delivery.engine import runner
from mailing.delivery.engine.dispatcher import Compose, Stop
from mailing.delivery.engine.ledger import Ledger
from mailing.delivery.engine.records import Claim
from mailing.delivery.guards import allowance, circuit_breaker, lease
from mailing.delivery.letters.mime import Composed, Recipient, compose
from mailing.delivery.transports import configured
from mailing.errors import LeaseLost
from mailing.models import Attempt
from mailing.services.runs import release, waits
from mailing.services.runs.release import SliceEnd, SliceResult, SliceState

logger = logging.getLogger(__name__)

NO_LIMIT = math.inf  # seconds: until nothing is left for now
STAND_BACK = timedelta(seconds=10)
TOLD_EVERY = timedelta(seconds=3)  # that letters are being decided
DEATHS = 2  # of workers, without one letter decided between them: the run itself is what kills


@dataclass(frozen=True)
class Progress:
    """The attempt's numbers while it is being sent."""

    audience: int
    sent: int
    failed: int
    unconfirmed: int
    skipped: int

    @property
    def done(self) -> int:
        return self.sent + self.failed + self.unconfirmed + self.skipped


COUNTERS = ("sent", "failed", "unconfirmed", "skipped")
Stopping = Callable[[], bool]
Telling = Callable[[Progress], None]


@current_attempt.named
def run_slice(
    attempt_id: int, *, stop: Stopping, seconds: float | None = None, progress: Telling | None = None
) -> SliceResult:
    """Sends letters of an attempt until nothing is left for now, `stop()` says so, or the time is over.

    `seconds` is MAILING_SLICE_SECONDS by default. `stop` and `progress` are called several times a second from an
    event loop: they must not touch the database. Trouble of server or lease is no exception but a state.
    """
    attempt = Attempt.objects.select_related("mailing").filter(pk=attempt_id).first()
    if attempt is None:
        return SliceResult(SliceState.GONE, attempt_id, 0)
    if attempt.status != AttemptStatus.RUNNING:
        return SliceResult(SliceState.FINISHED, attempt_id, attempt.mailing_id)
    owner = lease.new_owner()
    left = lease.take(attempt, owner, timezone.now())
    if left is None:
        return SliceResult(SliceState.BUSY, attempt_id, attempt.mailing_id)
    try:
        attempt.refresh_from_db(fields=["cut_short", *COUNTERS])
        if left:
            _note_interruption(attempt, owner)
        limit = settings.MAILING_SLICE_SECONDS if seconds is None else seconds
        ending = _put_aside(attempt) or _Slice(attempt, owner).run(stop, limit, progress)
        return release.release_lease(attempt, owner, ending)
    except LeaseLost:
        logger.warning("Attempt %s is somebody else's now", attempt_id)
        return SliceResult(SliceState.BUSY, attempt_id, attempt.mailing_id)


def compose_attempt(attempt: Attempt) -> Composed:
    """The letter of an attempt, ready to be filled per client."""
    return compose(attempt.subject, attempt.html_body, attempt.text_body, attempt.from_email, attempt.reply_to)


def _note_interruption(attempt: Attempt, owner: str) -> None:
    """What it waited for is unknown again: the next trouble says."""
    done = attempt.audience - attempt.open
    release.update_fenced(attempt, owner, waits.NOTHING, interrupted_after=done)


def _put_aside(attempt: Attempt) -> SliceEnd | None:
    """A run at which one worker after the other dies ends here, so that the others go on."""
    if (attempt.deaths or 0) < DEATHS or not attempt.open:
        return None
    logger.error(
        "Attempt %s is put aside: %s workers died at it, and no letter was decided", attempt.pk, attempt.deaths
    )
    return SliceEnd(Stop.CUT_SHORT, cut_short=DeliveryReason.PUT_ASIDE)


class _Wish(NamedTuple):
    """What somebody wants of a run that goes on."""

    stop: Stop
    reason: DeliveryReason = DeliveryReason.ENDED  # with CUT_SHORT: what its open deliveries get


class _Slice:
    """An attempt while its lease is ours."""

    def __init__(self, attempt: Attempt, owner: str) -> None:
        self.attempt, self.owner = attempt, owner
        self.reason = DeliveryReason.ENDED  # of the last wish
        self.done, self.told_at = attempt.audience - attempt.open, timezone.now()

    def run(self, stop: Stopping, seconds: float, progress: Telling | None) -> SliceEnd:
        wish = self._wish() or (_Wish(Stop.ASKED) if stop() else None)
        if wish is not None:
            return SliceEnd(wish.stop, cut_short=wish.reason)
        if not self.attempt.open:
            return SliceEnd(Stop.NOTHING_LEFT)
        refused = self.attempt.waits_for == WaitsFor.ALL_REFUSED
        admission = (self._stand_back() if refused else None) or circuit_breaker.admit(timezone.now())
        if admission.until is not None:
            return SliceEnd(Stop.SERVICE, until=admission.until)
        with transaction.atomic():
            release.update_fenced(self.attempt, self.owner, resume_at=None)
            if refused:
                self._begin_with_others()
        welcome = refused and not admission.probe  # our twenty had opened the breaker: others closed it
        composed = self._compose()
        if composed is None:
            return SliceEnd(Stop.CUT_SHORT, cut_short=DeliveryReason.UNSENDABLE)
        options = self._options(composed, stop, seconds, progress, probing=admission.probe, welcome=welcome)
        report = runner.run(configured.of_a_run(timezone.now()), Ledger(self.attempt, self.owner), options)
        return SliceEnd(
            report.stopped,
            report.outcome,
            report.until,
            report.next_at,
            answered=report.answered > 0,
            cut_short=self.reason,
        )

    def _stand_back(self) -> circuit_breaker.Admission | None:
        """Whose letters were all refused lets others knock first: if theirs are accepted, it was not the sender."""
        now = timezone.now()
        others = Attempt.objects.ready(now).filter(mailing__is_paused=False).exclude(waits_for=WaitsFor.ALL_REFUSED)
        if circuit_breaker.waits_for_a_probe(now) and others.exists():
            return circuit_breaker.Admission(until=now + STAND_BACK)
        return None

    def _begin_with_others(self) -> None:
        """Who was refused goes behind all others: were they all dead, nobody would get past them."""
        now = timezone.now()
        refused = self.attempt.deliveries.filter(status=DeliveryStatus.QUEUED, refused_before=True)
        refused.update(status=DeliveryStatus.DEFERRED, retry_at=now, updated_at=now)

    def _compose(self) -> Composed | None:
        try:
            return compose_attempt(self.attempt)
        except Exception:  # of whatever kind: it would be the same again in each slice
            logger.exception("The letter of attempt %s cannot be composed", self.attempt.pk)
            return None

    def _options(
        self,
        composed: Composed,
        stop: Stopping,
        seconds: float,
        progress: Telling | None,
        *,
        probing: bool,
        welcome: bool,
    ) -> runner.RunnerOptions:
        return runner.RunnerOptions(
            compose=_letters(composed),
            sender=composed.sender,
            lines=min(settings.SMTP_CONNECTIONS, self.attempt.open),
            seconds=seconds,
            probing=probing,
            welcome=welcome,
            stop=stop,
            progress=self._teller(progress),
            pulse=self._pulse,
            allowance=self._allowance(),
            limited=self._limited,
        )

    def _allowance(self) -> allowance.Allowance:
        """As many connections as the server let the last slice have."""
        found = allowance.recall(settings.SMTP_CONNECTIONS, timezone.now())
        if found.is_limited or "now" in self.attempt.limited:
            self._note_limit(found.lines)
        return found

    def _limited(self, lines: int, patience: float) -> None:
        """In the writer's thread: told to the next slice, and to people."""
        allowance.remember(lines if lines < settings.SMTP_CONNECTIONS else None, patience, timezone.now())
        self._note_limit(lines)

    def _note_limit(self, lines: int) -> None:
        of = settings.SMTP_CONNECTIONS
        limited = {"least": min(lines, self.attempt.limited.get("least", of)), "of": of}
        self.attempt.limited = limited | ({"now": lines} if lines < of else {})
        mine = Attempt.objects.running().filter(pk=self.attempt.pk, lease_owner=self.owner)
        mine.update(limited=self.attempt.limited)

    def _pulse(self) -> Stop | None:
        """Once a second, in the writer's thread: we are alive; does anybody want us to stop?"""
        lease.renew(self.attempt.pk, self.owner, timezone.now())
        wish = self._wish()
        if wish is not None:
            self.reason = wish.reason
        return wish.stop if wish else None

    def _wish(self) -> _Wish | None:
        """What staff or the calendar want of this run (rule 9 of a run)."""
        row = Attempt.objects.select_related("mailing").only(
            *("cut_short", "audience", *COUNTERS), "mailing__is_paused", "mailing__status", "mailing__end_at"
        )
        current = row.filter(pk=self.attempt.pk).first()
        if current is None:
            raise LeaseLost  # deleted, the deliveries with it
        self._tell_decided(current)
        if current.cut_short:
            return _Wish(Stop.CUT_SHORT, DeliveryReason(current.cut_short))
        if current.mailing.is_paused:
            return _Wish(Stop.PAUSED)
        # The end stops a run in its middle (rule 8 of the calendar); a retry goes on after it.
        over = current.mailing.why_over(timezone.now()) if self.attempt.trigger != Trigger.RETRY else None
        return _Wish(Stop.CUT_SHORT, over) if over else None

    def _tell_decided(self, current: Attempt) -> None:
        """So that a run that only holds its lease is not taken for one that gets on."""
        done, now = current.audience - current.open, timezone.now()
        if done != self.done and now - self.told_at >= TOLD_EVERY:
            self.done, self.told_at = done, now
            release.update_fenced(self.attempt, self.owner, decided_at=now)

    def _teller(self, progress: Telling | None) -> Callable[[Ledger], None]:
        before = {name: getattr(self.attempt, name) for name in COUNTERS}

        def tell(ledger: Ledger) -> None:
            if progress is not None:
                now = {name: count + ledger.counts[name] for name, count in before.items()}
                progress(Progress(self.attempt.audience, **now))

        return tell


def _letters(composed: Composed) -> Compose:
    """One client's letter, composed when a line takes it: its claim is durable by then."""
    leave = links.url_maker()

    def letter(claim: Claim, eight_bit: bool) -> bytes:
        email = claim.email
        recipient = Recipient(email, claim.full_name, claim.greeting, claim.message_id, leave(email))
        return composed.letter(recipient) if eight_bit else composed.letter_7bit(recipient)

    return letter
