"""What a run waits for, in words: the note of an attempt that is open while nobody works on it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.utils.translation import gettext_noop as _

from mailing.replies import Outcome, Phase, Trouble, Verdict

PAUSED = _("The mailing is paused. Resume it, and the rest gets the letter.")
DEFERRED = _("The server asked to come back later for some letters. The next try is at %(at)s.")
RATE = _("The sending rate is used up (MAILING_RATE_LIMIT). The next letter leaves at %(at)s.")

NO_ANSWER = _(
    "The mail server does not answer (%(server)s). The letters wait and leave later: the next try is at %(at)s."
)
TOO_SLOW = _("The mail server took longer than %(seconds)s seconds. The next try is at %(at)s.")
GARBAGE = _("The mail server answered unintelligibly: “%(words)s”. No letter left; the next try is at %(at)s.")
ASKS_TO_WAIT = _("The mail server asks us to wait. This passes; the next try is at %(at)s.")
REFUSES_ALL = _(
    "The mail server refuses one letter after the other, which may be about the sender. Nobody was marked; "
    "the next try is at %(at)s."
)
NO_WORD = _(
    "The mail server drops the connection after a letter without saying whether it took it. Such letters stand as "
    "unconfirmed, the others wait; the next try is at %(at)s."
)
LOGIN = _(
    "The mail server did not accept the login or the password. The mailing waits: check the mail settings, "
    "then it goes on by itself (the next try is at %(at)s)."
)
CERTIFICATE = _(
    "The certificate of the mail server is not trusted (%(server)s). The mailing waits: check the mail settings, "
    "then it goes on by itself (the next try is at %(at)s)."
)
SENDER = _(
    "The mail server does not accept the sender %(sender)s. The mailing waits: check the mail settings, "
    "then it goes on by itself (the next try is at %(at)s)."
)
SETTINGS = _(
    "The mail server refuses us. The mailing waits: check the mail settings, "
    "then it goes on by itself (the next try is at %(at)s)."
)
ELSEWHERE = _("The mail server was in trouble a moment ago. The letters wait; the next try is at %(at)s.")


class Note(NamedTuple):
    text: str = ""
    params: dict[str, Any] = {}


def for_service(outcome: Outcome | None, at: datetime, since: datetime, sender: str) -> Note:
    """Why the service is not there; `since` is when this waiting began (ISO, for the retry window)."""
    text = ELSEWHERE if outcome is None else _sentence(outcome)
    wanted = {
        "at": at.isoformat(),
        "since": since.isoformat(),
        "server": f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}",
        "seconds": f"{_limit(outcome):g}",
        "words": outcome.response[:200] if outcome else "",
        "sender": sender,
    }
    return Note(text, {name: value for name, value in wanted.items() if f"%({name})s" in text or name == "since"})


def _sentence(outcome: Outcome) -> str:
    if outcome.verdict is Verdict.CONFIGURATION:
        return _setting(outcome)
    if outcome.sender_side:
        return REFUSES_ALL
    if outcome.verdict is Verdict.UNCONFIRMED:
        return NO_WORD
    by_trouble = {Trouble.TIMEOUT: TOO_SLOW, Trouble.GARBAGE: GARBAGE, Trouble.LOST: NO_ANSWER}
    return by_trouble.get(outcome.trouble, ASKS_TO_WAIT) if outcome.trouble else ASKS_TO_WAIT


def _setting(outcome: Outcome) -> str:
    if outcome.trouble is Trouble.CERTIFICATE:
        return CERTIFICATE
    return {Phase.AUTH: LOGIN, Phase.MAIL: SENDER}.get(outcome.phase or Phase.CONNECT, SETTINGS)


def _limit(outcome: Outcome | None) -> float:
    connecting = outcome is not None and outcome.phase is Phase.CONNECT
    seconds: float = settings.SMTP_CONNECT_TIMEOUT if connecting else settings.SMTP_REPLY_TIMEOUT
    return seconds
