"""From rows and signs to a state in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_noop as _

from mailing.choices import AttemptStatus, MailingStatus, State, Step
from mailing.delivery.guards import lease
from mailing.formatting import Tone, clock, num, time_left
from mailing.models import Attempt, Mailing
from mailing.models.installation import CLOCKS_DIFFER
from mailing.models.mailings import OVERDUE_AFTER
from mailing.services.states.signs import Signs

SILENCE = timedelta(seconds=30)  # without a letter decided, and nobody may say any more that a run is getting on
BETWEEN_SLICES = timedelta(seconds=10)  # one worker lets go, the next takes it up: for people that is one sending

TONES: dict[State, Tone] = {
    State.SENDING: "blue",
    State.QUEUED: "blue",
    State.WAITING: "amber",
    State.PAUSED: "amber",
    State.STALLED: "red",
    State.SUCCEEDED: "green",
    State.PARTLY: "amber",
    State.FAILED: "red",
    State.MISSED: "amber",
    State.DRAFT: "amber",
    State.CREATED: "blue",
    State.RUNNING: "green",
    State.OVERDUE: "red",
    State.FINISHED: "grey",
}

NOTHING_DECIDED = _(
    "The mail server has decided about no letter since then: it takes its time, or the line to it is slow. If it "
    "stays like this, look at the log."
)
BUSY = _("All workers are busy with other things; it goes on when one is free.")
TAKEN_UP_SOON = _("A worker takes it up within seconds.")
OVERDUE = _("It should have begun at %(at)s, and no run has.")


@dataclass(frozen=True)
class Told:
    """A state as people and scripts are told it.

    `why` is a sentence in the reader's language; `since` when it came to stand so, `until` when it changes by itself,
    where that is known; `step` the one thing a person can do about it.
    """

    state: State
    why: str = ""
    since: datetime | None = None
    until: datetime | None = None
    step: Step | None = None
    number: str = ""  # of letters, beside the word
    left: str = ""  # how long it still takes

    @property
    def tone(self) -> Tone:
        return TONES[self.state]

    @property
    def words(self) -> str:
        """The word with its number or moment: what a pill says."""
        word = str(self.state.label)
        if self.number:
            return gettext("%(state)s: %(number)s") % {"state": word, "number": self.number}
        if self.state is State.STALLED and self.since:
            return gettext("stands still since %(time)s") % {"time": clock(self.since)}
        if self.state is State.WAITING and self.until:
            return gettext("waits until %(time)s") % {"time": clock(self.until)}
        return word

    def as_json(self) -> dict[str, object]:
        """For the commands: identifiers and moments, and the sentence."""
        return {
            "state": self.state.value,
            "state_why": self.why,
            "state_since": self.since,
            "state_until": self.until,
            "step": self.step.value if self.step else None,
        }


# --- Runs -------------------------------------------------------------------------------------------


def of_run(attempt: Attempt, signs: Signs | None = None, *, mailing: Mailing | None = None) -> Told:
    """How a run stands. `mailing` where it is at hand, to save its query."""
    if attempt.status != AttemptStatus.RUNNING:
        return _ended(attempt)
    signs, mailing = signs or Signs(), mailing or attempt.mailing
    if mailing.is_paused:
        return Told(State.PAUSED, attempt.note_text, step=Step.RESUME)
    if not lease.is_live(attempt, signs.now):
        # What it waited for was no silence, nor was a pause.
        last = _last_sign(attempt, signs.now, attempt.resume_at, mailing.active_since)
        return _left_alone(attempt, last, signs)
    last = _last_sign(attempt, signs.now)
    if signs.now - last < SILENCE:
        return _sending(attempt)
    return Told(State.STALLED, gettext(NOTHING_DECIDED), since=last, step=Step.PAUSE)


def _left_alone(attempt: Attempt, last: datetime, signs: Signs) -> Told:
    """Nobody holds its lease: it waits, or somebody is about to come, or nobody is."""
    if signs.hindrance:
        return Told(State.STALLED, signs.hindrance, since=last, step=Step.OPERATE)
    if attempt.resume_at and attempt.resume_at > signs.now:
        return Told(State.WAITING, attempt.note_text, attempt.waits_since, attempt.resume_at, Step.GO_ON)
    if attempt.decided_at and signs.now - attempt.decided_at < BETWEEN_SLICES:
        return _sending(attempt)
    if signs.now - last >= SILENCE:
        return Told(State.STALLED, gettext(BUSY), since=last, step=Step.GO_ON)
    return Told(State.QUEUED, gettext(TAKEN_UP_SOON), since=last, step=Step.PAUSE)


def _sending(attempt: Attempt) -> Told:
    return Told(State.SENDING, attempt.note_text, attempt.started_at, step=Step.PAUSE, left=time_left(attempt))


def _last_sign(attempt: Attempt, now: datetime, *also: datetime | None) -> datetime:
    """When it is known to have got on last: a letter, a worker who took it, its beginning; or `also`, if that passed.

    Another machine may be a little ahead.
    """
    moments = (attempt.started_at, attempt.decided_at, attempt.slice_at, *also)
    ahead = now + CLOCKS_DIFFER
    return min(now, max(moment for moment in moments if moment and moment <= ahead))


def _ended(attempt: Attempt) -> Told:
    state = State(attempt.status)
    repeatable = state in (State.PARTLY, State.FAILED) and attempt.audience > attempt.sent
    return Told(
        state,
        attempt.note_text,
        since=attempt.finished_at,
        step=Step.RETRY if repeatable else None,
        number=_errors(attempt) if state is State.PARTLY else "",
    )


def _errors(attempt: Attempt) -> str:
    """How many letters were not accepted: refused, unconfirmed, or both together."""
    number = attempt.failed + attempt.unconfirmed
    if not attempt.unconfirmed:
        words = ngettext("%(n)s refused", "%(n)s refused", number)
    elif not attempt.failed:
        words = ngettext("%(n)s unconfirmed", "%(n)s unconfirmed", number)
    else:
        words = ngettext("%(n)s error", "%(n)s errors", number)
    return words % {"n": num(number)}


def open_runs(signs: Signs) -> list[tuple[Attempt, Told]]:
    """All runs that are not over, newest first, without their letters: one query. There is one a mailing at most."""
    found = Attempt.objects.running().with_mailing().order_by("-started_at", "-pk")
    return [(attempt, of_run(attempt, signs)) for attempt in found]


# --- Mailings ---------------------------------------------------------------------------------------


def of_mailing(mailing: Mailing, runs: Iterable[Attempt], signs: Signs | None = None) -> Told:
    """How a mailing stands. `runs`: its newest run, or as many as are at hand; one that is not over among them."""
    signs, known = signs or Signs(), list(runs)
    for attempt in known:
        if attempt.status == AttemptStatus.RUNNING:
            return of_run(attempt, signs, mailing=mailing)
    if mailing.status == MailingStatus.FINISHED:
        return Told(State.FINISHED, since=mailing.end_at, step=Step.COPY)
    if mailing.is_paused:
        ran = mailing.status == MailingStatus.RUNNING or any(run.status != AttemptStatus.MISSED for run in known)
        return Told(State.PAUSED if ran else State.DRAFT, step=Step.RESUME)
    due = mailing.next_run_at
    if due is not None and due <= signs.now - OVERDUE_AFTER:
        return _overdue(due, signs)
    begun = mailing.start_at <= signs.now
    return Told(State(mailing.status), until=due, step=Step.SEND if begun else None)


def _overdue(due: datetime, signs: Signs) -> Told:
    why = " ".join(part for part in (gettext(OVERDUE) % {"at": clock(due)}, signs.hindrance) if part)
    return Told(State.OVERDUE, why, since=due, step=Step.OPERATE if signs.hindrance else Step.SEND)
