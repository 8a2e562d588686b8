"""A rehearsal proves that a mailing could be sent: all letters are composed, the server lets us in, none is sent."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from django.utils import timezone
from django.utils.translation import gettext

from mailing import links, texts
from mailing.choices import Audience, DeliveryReason, SuppressionReason
from mailing.delivery.letters.mime import Composed, Recipient, Unaddressable, compose
from mailing.delivery.transports import one_letter
from mailing.models import Client, Mailing, Suppression
from mailing.replies import Outcome, Verdict
from mailing.services.runs import creation, letters

EXAMPLES = 20


@dataclass
class Rehearsal:
    """What would happen now. `ready`: everybody in `letters` would get a letter."""

    letters: int = 0
    skipped: Counter[DeliveryReason] = field(default_factory=Counter)  # who would be skipped, and why
    examples: list[tuple[str, DeliveryReason]] = field(default_factory=list)  # up to 20 of them
    problem: str = ""  # the message cannot be sent
    server: Outcome | None = None

    @property
    def server_ready(self) -> bool:
        return self.server is not None and self.server.verdict is Verdict.SENT

    @property
    def ready(self) -> bool:
        return self.server_ready and not self.problem and self.letters > 0

    def skip(self, email: str, reason: DeliveryReason) -> None:
        self.skipped[reason] += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append((email, reason))


def run(mailing: Mailing) -> Rehearsal:
    """Resolves the audience, composes all letters, logs in to the mail server and leaves again."""
    rehearsal = Rehearsal()
    try:
        subject, html_body, text_body = letters.prepared(mailing.message)
        composed = compose(subject, html_body, text_body, creation.sender(mailing), mailing.reply_to)
    except letters.BROKEN as error:
        rehearsal.problem = str(error)
    except Unaddressable:
        rehearsal.problem = gettext(texts.UNSENDABLE)
    else:
        _compose_all(mailing, composed, rehearsal)
    rehearsal.server = one_letter.probe()
    return rehearsal


def _compose_all(mailing: Mailing, composed: Composed, rehearsal: Rehearsal) -> None:
    everyone = mailing.audience == Audience.EVERYONE
    suppressed = dict(Suppression.objects.values_list("email", "reason"))
    clients = Client.objects.all() if everyone else mailing.clients.all()
    now = timezone.now()
    for email, full_name, greeting in clients.values_list("email", "full_name", "greeting").iterator():
        if email in suppressed:
            if not everyone:
                rehearsal.skip(email, SuppressionReason.as_skip(suppressed[email]))
            continue
        recipient = Recipient(email, full_name, greeting, "<rehearsal@localhost>", links.unsubscribe_url(email))
        try:
            composed.letter(recipient, now)
        except Unaddressable:
            rehearsal.skip(email, DeliveryReason.BAD_ADDRESS)
        else:
            rehearsal.letters += 1
