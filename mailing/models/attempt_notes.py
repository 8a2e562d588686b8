"""What the columns of an attempt say in words: read by people, compared by nobody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from mailing import reply_help, texts
from mailing.choices import AttemptStatus, DeliveryReason, Hindrance, WaitsFor
from mailing.formatting import clock

if TYPE_CHECKING:
    from mailing.models.attempts import Attempt

WAITING: dict[str, str] = {
    WaitsFor.PAUSED: _("The mailing is paused. Resume it, and the rest gets the letter."),
    WaitsFor.DEFERRED: _("The server asked to come back later for some letters. The next try is at %(at)s."),
    WaitsFor.RATE: _("The sending rate is used up (MAILING_RATE_LIMIT). The next letter leaves at %(at)s."),
    WaitsFor.NO_ANSWER: _(
        "The mail server does not answer (%(server)s). The letters wait and leave later: the next try is at %(at)s."
    ),
    WaitsFor.TOO_SLOW: _("The mail server took longer than %(seconds)s seconds. The next try is at %(at)s."),
    WaitsFor.UNINTELLIGIBLE: _(
        "The mail server answered unintelligibly: “%(words)s”. No letter left; the next try is at %(at)s."
    ),
    WaitsFor.ASKED_TO_WAIT: _("The mail server asks us to wait. This passes; the next try is at %(at)s."),
    WaitsFor.ALL_REFUSED: _(
        "The mail server refuses one letter after the other, which may be about the sender. Nobody was marked; "
        "the next try is at %(at)s."
    ),
    WaitsFor.VANISHING: _(
        "The mail server drops the connection after a letter without saying whether it took it. Such letters stand "
        "as unconfirmed, the others wait; the next try is at %(at)s."
    ),
    WaitsFor.BREAKER_OPEN: _(
        "The mail server was in trouble a moment ago. The letters wait; the next try is at %(at)s."
    ),
    WaitsFor.LOGIN: _(
        "The mail server did not accept the login or the password. The mailing waits: check the mail settings, "
        "then it goes on by itself (the next try is at %(at)s)."
    ),
    WaitsFor.CERTIFICATE: _(
        "The certificate of the mail server is not trusted (%(server)s). The mailing waits: check the mail settings, "
        "then it goes on by itself (the next try is at %(at)s)."
    ),
    WaitsFor.SENDER: _(
        "The mail server does not accept the sender %(sender)s. The mailing waits: check the mail settings, "
        "then it goes on by itself (the next try is at %(at)s)."
    ),
    WaitsFor.SETTINGS: _(
        "The mail server refuses us. The mailing waits: check the mail settings, "
        "then it goes on by itself (the next try is at %(at)s)."
    ),
}
CUT_SHORT: dict[str, str] = {
    DeliveryReason.FINISHED: _("The mailing was finished before everybody got the letter."),
    DeliveryReason.ENDED: _("The end of the mailing had passed before everybody got the letter."),
    DeliveryReason.NEXT_RUN: _("Some letters could not be sent before the next run."),
    DeliveryReason.RETRY_WINDOW: texts.GIVEN_UP,
    DeliveryReason.MESSAGE: texts.MESSAGE_REFUSED,
    DeliveryReason.UNSENDABLE: texts.UNSENDABLE,
    DeliveryReason.PUT_ASIDE: texts.PUT_ASIDE,
}
HINDERED: dict[str, str] = {
    Hindrance.NOTHING_RUNNING: _(
        "Nothing was running at the planned time (computer off, qcluster stopped), and it became too late."
    ),
    Hindrance.ONLY_LATEST: _(
        "Nothing was running at the planned time; only the latest planned time was made up for."
    ),
    Hindrance.ENDED: _("The end of the mailing had passed before it could be sent."),
    Hindrance.DISABLED: _("Sending was switched off on this installation (MAILING_SENDING_ENABLED)."),
    Hindrance.COPY: _("Sending was held back: the data belonged to %(site)s, another installation."),
    Hindrance.CHANGED: _("The mailing was changed before it could be sent."),
    Hindrance.PAUSED: _("The mailing was paused before it could be sent."),
    Hindrance.FINISHED: _("The mailing was finished before it could be sent."),
    Hindrance.OVERLAP: _("The previous run (attempt %(attempt)s) was still handing over letters."),
    Hindrance.BROKEN_MESSAGE: _("The message cannot be sent: %(problem)s"),
    Hindrance.TOO_LONG: texts.LETTER_TOO_LONG,
    Hindrance.TOO_DEEP: texts.LETTER_TOO_DEEP,
    Hindrance.TOO_LARGE: texts.LETTER_TOO_LARGE,
    Hindrance.TOO_COSTLY: texts.LETTER_TOO_COSTLY,
}
INTERRUPTED = _(
    "Sending was interrupted (a restart, a power cut or a full disk) at %(done)s of %(audience)s. "
    "Nobody who got the letter gets it again."
)
LIMITS = _("The server limits us: %(now)s of %(of)s connections are used.")
LIMITED = _("The server limited us: at times only %(least)s of %(of)s connections were used.")
NOBODY_LEFT = _("Nobody was left to send to: all recipients are on the stop list, removed or deleted.")
SUMMARY = _("%(count)s planned times from %(first)s to %(last)s were missed.")


def about(attempt: Attempt) -> str:
    """The sentence in the reader's language and time zone, or nothing."""
    if attempt.status == AttemptStatus.FAILED and (sizes := too_large(attempt)):
        return sizes
    return " ".join(_said(*found) for found in (_sentence(attempt), _limit(attempt)) if found[0])


def _said(sentence: str, values: Mapping[str, Any]) -> str:
    said = {name: clock(value) if isinstance(value, datetime) else value for name, value in values.items()}
    return gettext(sentence) % defaultdict(str, said)


def _sentence(attempt: Attempt) -> tuple[str, Mapping[str, Any]]:
    """The msgid, and what stands in it."""
    if attempt.first_occurrence:
        last = attempt.occurrence or attempt.started_at
        return SUMMARY, {"count": attempt.stands_for, "first": attempt.first_occurrence, "last": last}
    if attempt.hindered_by:
        return HINDERED.get(attempt.hindered_by, ""), attempt.note_params
    if attempt.status == AttemptStatus.RUNNING and attempt.waits_for:
        at = parse_datetime(attempt.note_params.get("at", ""))
        return WAITING.get(attempt.waits_for, ""), attempt.note_params | {"at": at}
    if attempt.status == AttemptStatus.FAILED and (why := _why_nobody_else(attempt)):
        return why, {}
    leaves_doubt = attempt.status == AttemptStatus.RUNNING or attempt.unconfirmed
    if attempt.interrupted_after is not None and leaves_doubt:
        return INTERRUPTED, {"done": attempt.interrupted_after, "audience": attempt.audience}
    return "", {}


def _limit(attempt: Attempt) -> tuple[str, Mapping[str, Any]]:
    """That the server lets us have fewer connections, or did. Nothing while the run waits for something else."""
    limited = attempt.limited
    if attempt.status == AttemptStatus.RUNNING:
        return (LIMITS if "now" in limited and not attempt.waits_for else ""), limited
    return (LIMITED if limited else ""), limited


def too_large(attempt: Attempt) -> str:
    """The sentence about a run that ended because its letter was larger than the server takes; else nothing."""
    size = attempt.note_params.get("letter_bytes") if attempt.cut_short == DeliveryReason.MESSAGE else None
    return reply_help.too_large(size, attempt.note_params.get("limit_bytes", 0)) if size else ""


def _why_nobody_else(attempt: Attempt) -> str:
    """Why a run that failed reached nobody, or nobody else."""
    if attempt.cut_short:
        return CUT_SHORT.get(attempt.cut_short, "")
    if attempt.skipped == attempt.audience:
        return NOBODY_LEFT if attempt.audience else texts.NOBODY
    return ""
