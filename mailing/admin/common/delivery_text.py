"""What a refusal means and what to do, in one sentence above the server's own words."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from mailing import texts
from mailing.choices import AttemptStatus, DeliveryReason, DeliveryStatus
from mailing.formatting import Tone
from mailing.furniture import Words
from mailing.models import Attempt
from mailing.replies import Outcome, Phase, Trouble, Verdict
from mailing.reply_help import LOGIN, explain, too_large

UNKNOWN_WHETHER = _(
    "Whether the server took the letter is unknown. It is not repeated by itself; you can send it again by hand."
)

BY_REASON: dict[str, Words] = {
    DeliveryReason.NO_SUCH_MAILBOX: _("The mailbox does not exist. Such addresses are on the stop list now."),
    DeliveryReason.REFUSED: _("The mailbox does not exist, or it refuses letters. Check the list."),
    DeliveryReason.TRIES_USED_UP: _("The server asked us to wait every time, and we stopped trying."),
    DeliveryReason.NEXT_RUN: _("The server asked us to wait until the next run began."),
    DeliveryReason.RETRY_WINDOW: _(texts.GIVEN_UP),
    DeliveryReason.CONFIGURATION: _("The mail server refuses us. Check the mail settings, then retry."),
    DeliveryReason.MESSAGE: _(texts.MESSAGE_REFUSED),
    DeliveryReason.UNSENDABLE: _(texts.UNSENDABLE),
    DeliveryReason.PUT_ASIDE: _(texts.PUT_ASIDE),
    DeliveryReason.BAD_ADDRESS: _("The address cannot be used. Correct it on the client's page."),
    DeliveryReason.LINE_LOST: UNKNOWN_WHETHER,
    DeliveryReason.UNINTELLIGIBLE: UNKNOWN_WHETHER,
    DeliveryReason.WORKER_DIED: UNKNOWN_WHETHER,
    DeliveryReason.UNSUBSCRIBED: _("They unsubscribed: no letter was sent to them."),
    DeliveryReason.SUPPRESSED: _("They are on the stop list: no letter was sent to them."),
    DeliveryReason.REMOVED: _("They were removed from the mailing before their turn came."),
    DeliveryReason.DUPLICATE: _(
        "This address had the letter of this run already: it moved from one client to another meanwhile."
    ),
    DeliveryReason.DELETED: _("The clients were deleted before their turn came."),
    DeliveryReason.ENDED: _("The end of the mailing passed before their turn came."),
    DeliveryReason.FINISHED: _("The mailing was finished before their turn came."),
}


def about(reason: str, code: int | None, response: str = "", *, attempt: Attempt | None = None) -> Words:
    """The sentence for a delivery that was not sent; its attempt knows how large the letter was."""
    if reason == DeliveryReason.MESSAGE and attempt and attempt.too_large:
        return attempt.too_large
    if reason and reason != DeliveryReason.REFUSED:
        return BY_REASON.get(reason, "")
    return str(explain(code, response)) or BY_REASON.get(reason, "")


def about_attempt(attempt: Attempt) -> Words:
    """The sentence above `Attempt.response`: of its most frequent refusal, else of the reply's own code."""
    if attempt.unconfirmed and not attempt.failed:
        return UNKNOWN_WHETHER  # what the server said, it said of other letters
    for group in attempt.reasons:
        if group["status"] == DeliveryStatus.FAILED:
            return about(group["reason"], group.get("code"), group.get("response", ""), attempt=attempt)
    return about_reply(attempt.response)


def in_short(attempt: Attempt) -> Words:
    """What became of a run, for a list: it does not load what the attempt keeps of its refusals."""
    if attempt.note_text:
        return attempt.note_text
    if attempt.failed and attempt.response.startswith("4") and attempt.status != AttemptStatus.RUNNING:
        return BY_REASON[DeliveryReason.TRIES_USED_UP]
    if attempt.failed:
        return about_reply(attempt.response)
    return UNKNOWN_WHETHER if attempt.unconfirmed else ""


def about_reply(response: str) -> str:
    """The sentence for a reply as the server gave it, code and words."""
    return str(explain(int(response[:3]) if response[:3].isdecimal() else None, response))


# A single letter or log-in: verdict → (word, colour).
VERDICTS: dict[Verdict, tuple[Words, Tone]] = {
    Verdict.SENT: (_("accepted by the server"), "green"),
    Verdict.FAILED: (_("refused by the server"), "red"),
    Verdict.DEFERRED: (_("asked to come back later"), "amber"),
    Verdict.UNCONFIRMED: (_("not known"), "amber"),
    Verdict.SERVICE: (_("mail server not available"), "amber"),
    Verdict.CONFIGURATION: (_("mail settings refused"), "red"),
    Verdict.MESSAGE: (_("message refused"), "red"),
}
BY_TROUBLE: dict[Trouble, Words] = {
    Trouble.LOST: _("The mail server does not answer."),
    Trouble.TIMEOUT: _("The mail server took too long."),
    Trouble.GARBAGE: _("The mail server answered unintelligibly."),
    Trouble.CERTIFICATE: _("The certificate of the mail server is not trusted. Check the mail settings."),
    Trouble.NO_TLS: _("The mail server offers no encryption, but EMAIL_SECURITY asks for it."),
    Trouble.NO_AUTH: _("The mail server offers no way to log in. Check the mail settings."),
    Trouble.TOO_BIG: _("The letter is larger than the mail server takes."),
    Trouble.BAD_ADDRESS: BY_REASON[DeliveryReason.BAD_ADDRESS],
}
BY_PHASE: dict[Phase, Words] = {
    Phase.AUTH: LOGIN,
    Phase.MAIL: _("The mail server does not accept the sender. Check the mail settings."),
}
WOULD_WAIT = _(
    "If it were sent now, the letters would wait for the server and leave by themselves. If it stays like this, "
    "check the mail settings (%(server)s)."
)


@dataclass(frozen=True)
class ServerAnswer:
    """What the server said to one letter: in a word, in a sentence of ours, and in its own words."""

    words: Words
    tone: Tone
    sentence: Words
    response: str


def answer(outcome: Outcome) -> ServerAnswer:
    words, tone = VERDICTS[outcome.verdict]
    return ServerAnswer(words, tone, _about_outcome(outcome), outcome.response)


def rehearsed(outcome: Outcome) -> ServerAnswer:
    """The same for a rehearsal, where trouble that passes would not lose a letter, as it does a test letter."""
    said = answer(outcome)
    if outcome.verdict not in {Verdict.SERVICE, Verdict.DEFERRED}:
        return said
    server = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    return replace(said, sentence=f"{said.sentence} {WOULD_WAIT % {'server': server}}".strip())


def _about_outcome(outcome: Outcome) -> Words:
    if outcome.verdict is Verdict.SENT:
        return ""
    if outcome.verdict is Verdict.UNCONFIRMED:
        return UNKNOWN_WHETHER
    if outcome.size:
        return too_large(outcome.size, outcome.limit)
    if outcome.trouble:
        return BY_TROUBLE[outcome.trouble]
    if outcome.phase in BY_PHASE and outcome.verdict is Verdict.CONFIGURATION:
        return BY_PHASE[outcome.phase]
    return str(explain(outcome.code, outcome.response))
