"""The words of the screens, each with its meaning and what to do: for the mark beside a word, and the page of words.

The glossary (docs/reference/glossary.md) tells the same to those who write code; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from mailing.choices import DeliveryStatus, State

Words = str | Promise


@dataclass(frozen=True)
class Term:
    """`short` is the meaning in half a sentence, `more` what one has to know or do."""

    key: str
    word: Words
    short: Words
    more: Words = ""


def _state(state: State, short: Words, more: Words = "") -> Term:
    return Term(state.value, state.label, short, more)


THINGS = (
    Term(
        "client",
        pgettext_lazy("term", "client"),
        _("receives letters; never logs in"),
        _("The people who work here are users."),
    ),
    Term(
        "message",
        pgettext_lazy("term", "message"),
        _("subject and body; reusable by many mailings"),
        _("It is written once. The name of the client and other fields are filled in for each letter."),
    ),
    Term("letter", pgettext_lazy("term", "letter"), _("what one client gets: a message filled in for them")),
    Term(
        "mailing",
        pgettext_lazy("term", "mailing"),
        _("one message, many clients, a start, an end, a periodicity"),
        _("Once saved with a start, it sends by itself; nobody has to press anything."),
    ),
    Term(
        "periodicity",
        pgettext_lazy("term", "periodicity"),
        _("once, daily, weekly, monthly"),
        _(
            "Counted from the start: what starts on the 31st goes on the last day of shorter months, and on "
            "the 31st again."
        ),
    ),
    Term(
        "audience",
        pgettext_lazy("term", "audience"),
        _("selected clients, or everyone who receives mail; resolved when a run starts"),
        _("With “everyone”, clients who are added tomorrow get the letters from tomorrow on."),
    ),
    Term(
        "occurrence",
        pgettext_lazy("term", "planned time"),
        _("a moment of the plan: the start, and one period after the other from there"),
        _("An extra run, started by hand, has none, and leaves the plan as it is."),
    ),
    Term(
        "attempt",
        pgettext_lazy("term", "attempt"),
        _("one run of one mailing for all its clients"),
        _("Its page says who got the letter, who did not, and why, in the mail server's own words."),
    ),
    Term(
        "trigger",
        pgettext_lazy("term", "how it started"),
        _("by schedule, manually, from the command line, retry"),
    ),
    Term(
        "delivery",
        pgettext_lazy("term", "delivery"),
        _("one client in one attempt"),
        _("It says how it ended for this client, and how often the server was asked."),
    ),
    Term(
        "response",
        pgettext_lazy("term", "server response"),
        _("the server's own words"),
        _("They are often English; the sentence above them says what they mean and what to do."),
    ),
    Term(
        "stop-list",
        pgettext_lazy("term", "stop list"),
        _("addresses that are never written to"),
        _(
            "Who unsubscribed, whose mailbox does not exist, and whom you add yourself. Being on it is stronger than "
            "any mailing."
        ),
    ),
    Term(
        "test-letter",
        pgettext_lazy("term", "test letter"),
        _("a letter to look at before the clients get it; counts nowhere"),
        _("The button “Test to me” on the page of a message or a mailing sends it at once."),
    ),
    Term(
        "rehearsal",
        pgettext_lazy("term", "rehearsal"),
        _("everything but the sending: all letters composed, the server lets us in"),
        _("It says how many letters would leave, and who would be skipped and why. Nobody gets anything."),
    ),
    Term(
        "greeting",
        pgettext_lazy("term", "greeting"),
        _("how a letter addresses the client; empty: the full name"),
    ),
)

OF_A_MAILING = (
    _state(
        State.DRAFT,
        _("never sent anything, and sends nothing until somebody resumes it"),
        _("“Resume” on its page sets it going. A Manager may do that."),
    ),
    _state(State.CREATED, _("no run yet"), _("Its start lies ahead: it begins by itself then.")),
    _state(
        State.RUNNING,
        _("between the first run and the end"),
        _("It sends at each planned time; the page says when the next one is."),
    ),
    _state(
        State.OVERDUE,
        _("a mailing whose time passed five minutes ago, and no run began"),
        _("Mostly the scheduler does not run: tell the administrator. “Send now” does not wait for it."),
    ),
    _state(
        State.FINISHED,
        _("nothing more will be sent by itself"),
        _("Copy it to send again, or move its end."),
    ),
)

OF_A_RUN = (
    _state(
        State.SENDING,
        _("letters of a run are being decided, one after the other"),
        _("“Pause” holds it; the letters that have left have left."),
    ),
    _state(State.QUEUED, _("a worker takes the run up within seconds"), _("Nothing to do.")),
    _state(
        State.WAITING,
        _("a run goes on by itself at a moment that is known"),
        _("Mostly the mail server asked to come back later. “Go on at once” does not wait for that moment."),
    ),
    _state(
        State.PAUSED,
        _("sends nothing until somebody resumes it"),
        _("A run that was paused goes on with those who had no letter yet; nobody gets two."),
    ),
    _state(
        State.STALLED,
        _("a run should go on and does not: no worker, sending switched off, or no letter decided for 30 seconds"),
        _("The page says which of them it is, and what can be done. No letter is lost."),
    ),
    _state(State.SUCCEEDED, _("everybody who may be written to was accepted")),
    _state(
        State.PARTLY,
        _("the run did its work, some were refused or are unconfirmed"),
        _("Its page says who, and why; “Repeat for those not reached” sends to them alone."),
    ),
    _state(
        State.FAILED,
        _("the run was cut short, or nobody was accepted"),
        _(
            "Read the reason on its page before you repeat it: often the mail settings or the letter itself "
            "are the cause."
        ),
    ),
    _state(
        State.MISSED,
        _("a planned time at which nothing ran"),
        _("The row says why. The next planned time is not touched by it; “Send now” makes up for it."),
    ),
)

OF_A_LETTER = (
    Term("letter-queued", DeliveryStatus.QUEUED.label, _("the letter waits for its turn")),
    Term("letter-sending", DeliveryStatus.SENDING.label, _("the letter is being handed over at this moment")),
    Term(
        "deferred",
        DeliveryStatus.DEFERRED.label,
        _("the server said “later”; tried again in the same attempt"),
        _("Nothing to do: it is tried several times, each after a longer pause."),
    ),
    Term(
        "accepted",
        DeliveryStatus.SENT.label,
        _("the server took the letter, and answers for it from then on"),
        _("Whether the client has read it nobody knows, and Samovar does not spy on that."),
    ),
    Term(
        "refused",
        DeliveryStatus.FAILED.label,
        _("the server said no, or “later” until the last try"),
        _(
            "The page of the attempt groups them by reason. An address that does not exist goes on the stop "
            "list by itself."
        ),
    ),
    Term(
        "unconfirmed",
        DeliveryStatus.UNCONFIRMED.label,
        _("the letter was handed over, the answer is unknown; never resent by itself"),
        _(
            "Perhaps it arrived, perhaps not: the line broke at the last moment. Two letters are worse than none, so "
            "a person decides: the page of the attempt has a button for it."
        ),
    ),
    Term(
        "skipped",
        DeliveryStatus.SKIPPED.label,
        _("not sent on purpose; the reason says why"),
        _("For instance an address on the stop list, or a client who was removed in the middle of a run."),
    ),
)

PEOPLE = (
    Term("manager", _("Manager"), _("sends, and everything below"), _("Also takes addresses off the stop list.")),
    Term(
        "editor",
        _("Editor"),
        _("prepares drafts: clients, messages and mailings that do not send yet"),
        _("May put an address on the stop list, but not take it off."),
    ),
    Term("viewer", _("Viewer"), _("looks, and changes nothing")),
)

GROUPS: tuple[tuple[Words, tuple[Term, ...]], ...] = (
    (_("What there is"), THINGS),
    (_("How a mailing stands"), OF_A_MAILING),
    (_("How a run stands, and how it ended"), OF_A_RUN),
    (_("What became of one letter"), OF_A_LETTER),
    (_("Who may do what"), PEOPLE),
)

_BY_KEY = {term.key: term for _title, group in GROUPS for term in group}
_OF_DELIVERIES = {
    DeliveryStatus.QUEUED: "letter-queued",
    DeliveryStatus.SENDING: "letter-sending",
    DeliveryStatus.SENT: "accepted",
    DeliveryStatus.FAILED: "refused",
}


def get(key: str) -> Term:
    """Raises KeyError for a word that is not explained."""
    return _BY_KEY[key]


def everything() -> Iterator[Term]:
    return iter(_BY_KEY.values())


def of_state(state: State) -> Term:
    return get(state.value)


def of_delivery(status: DeliveryStatus) -> Term:
    return get(_OF_DELIVERIES.get(status, status.value))
