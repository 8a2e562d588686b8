"""A letter to look at before the clients get it: at once, to a few addresses, in no statistics."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone, translation
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from mailing import addresses, links, texts
from mailing.delivery import transport
from mailing.delivery.letters.mime import Composed, Recipient, Unaddressable, compose
from mailing.delivery.transports import configured, one_letter
from mailing.errors import NotStarted, Refused
from mailing.formatting import person
from mailing.models import Client, Mailing, Message, TrialLetter
from mailing.replies import Outcome, Phase, Trouble, Verdict, classify
from mailing.services.access import audit_log, site_guard
from mailing.services.runs import creation, letters, trial_limit

MOST = 3  # addresses
TIME = 15.0  # seconds for all of them: somebody waits before the screen

TOO_MANY = _("A test letter goes to %(most)s addresses at most.")
SENT = _("Test letters sent: %(number)s")


def send(
    message: Message, *, to: Sequence[str], sample: Client | None, by: User | None, mailing: Mailing | None = None
) -> list[Outcome]:
    """Sends the message as `sample` would get it (else as the person who asks), and returns the server's answers.

    Raises Refused for a message that cannot be sent, while the installation must not send, and when the person has
    sent as many as `trial_limit` allows.
    """
    if len(to) > MOST:
        raise Refused(TOO_MANY, most=MOST)
    refusal: NotStarted | None = site_guard.refusal()
    if refusal is not None:
        raise refusal
    composed = _compose(message, mailing)
    letters = [_letter(composed, email, sample, by) for email in to]
    taken = trial_limit.take(by, len(letters))
    audit_log.changed(mailing or message, by, SENT, number=len(letters))
    outcomes = asyncio.run(_send_all(letters, composed.sender))
    _note(taken, outcomes)
    return outcomes


def latest(by: User) -> Outcome | None:
    """What the server made of the person's last test letter, without its words; None where they never sent one.

    Of several at once it is one that was taken, if any was.
    """
    rows = list(TrialLetter.objects.filter(sent_by=by).exclude(outcome={}).order_by("-sent_at", "pk")[:MOST])
    if not rows:
        return None
    together = [row.outcome for row in rows if row.sent_at == rows[0].sent_at]
    found = next((outcome for outcome in together if outcome["verdict"] == Verdict.SENT.value), together[0])
    phase, trouble = found["phase"], found["trouble"]
    return Outcome(
        Verdict(found["verdict"]),
        code=found["code"],
        phase=Phase(phase) if phase else None,
        trouble=Trouble(trouble) if trouble else None,
    )


def _note(taken: list[TrialLetter], outcomes: list[Outcome]) -> None:
    for row, outcome in zip(taken, outcomes, strict=False):  # nobody's letters are not counted
        row.outcome = {
            "verdict": outcome.verdict.value,
            "code": outcome.code,
            "phase": outcome.phase.value if outcome.phase else None,
            "trouble": outcome.trouble.value if outcome.trouble else None,
        }
    TrialLetter.objects.bulk_update(taken, ["outcome"])


def _compose(message: Message, mailing: Mailing | None) -> Composed:
    try:
        subject, html_body, text_body = letters.prepared(message)
        with translation.override(settings.LANGUAGE_CODE):
            subject = "[{}] {}".format(gettext("Test"), subject)
        sender = creation.sender(mailing) if mailing else settings.DEFAULT_FROM_EMAIL
        return compose(subject, html_body, text_body, sender, mailing.reply_to if mailing else "")
    except letters.BROKEN as error:
        raise letters.refusal(error) from error
    except Unaddressable as error:
        raise Refused(texts.UNSENDABLE) from error


def _letter(composed: Composed, email: str, sample: Client | None, by: User | None) -> tuple[str, bytes | None]:
    """The letter, or None where the address cannot be used."""
    email = addresses.normalize(email)
    name = person(by) if by else ""
    full_name, greeting = (sample.full_name, sample.greeting) if sample else (name, name)
    recipient = Recipient(email, full_name, greeting, composed.new_message_id(), links.unsubscribe_url(email))
    now: datetime = timezone.now()
    try:
        return email, composed.letter_7bit(recipient, now)
    except Unaddressable:
        return email, None


async def _send_all(letters: Sequence[tuple[str, bytes | None]], sender: str) -> list[Outcome]:
    carrier = configured.from_settings()
    return await asyncio.gather(*(_send_one(carrier, email, data, sender) for email, data in letters))


async def _send_one(carrier: transport.Transport, email: str, data: bytes | None, sender: str) -> Outcome:
    if data is None:
        return classify(Phase.RCPT, Trouble.BAD_ADDRESS)
    try:
        return await asyncio.wait_for(one_letter.deliver(data, email, sender, transport=carrier), TIME)
    except TimeoutError:
        return classify(Phase.CONNECT, Trouble.TIMEOUT)
