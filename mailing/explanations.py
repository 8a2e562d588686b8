"""A sentence for the person above whatever the mail server said: what happened, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from mailing.choices import DeliveryReason
from mailing.replies import enhanced_code, enhanced_fits

Sentence = str | Promise


@dataclass(frozen=True, slots=True)
class Row:
    """The first row that fits speaks. Empty: anything; codes by their beginning, an enhanced code with a star too."""

    sentence: Sentence
    reasons: tuple[DeliveryReason, ...] = ()
    codes: tuple[str, ...] = ()
    enhanced: tuple[str, ...] = ()

    def fits(self, code: str, enhanced: str, reason: str) -> bool:
        return (
            (not self.reasons or reason in self.reasons)
            and (not self.codes or code.startswith(self.codes))
            and (not self.enhanced or any(enhanced_fits(pattern, enhanced) for pattern in self.enhanced))
        )


_R = DeliveryReason
NOT_KNOWN = _(
    "Whether the server took the letter is not known. It is not sent again by itself; you can do it by hand."
)
WAIT = _("The server asks to wait. This is temporary: the letter is tried again by itself.")
NO_MAILBOX = _("The mailbox does not exist or takes no letters. Check the address.")
TOO_BIG = _(
    "The letter is too big for the server. Make it smaller: put pictures on a site instead of into the letter."
)
LOGIN = _("The server did not accept the user name or password. The mailing waits: check the mail settings.")

ROWS: tuple[Row, ...] = (
    Row(NOT_KNOWN, reasons=(_R.LINE_LOST, _R.UNINTELLIGIBLE)),
    Row(
        _("The sending was interrupted while this letter was on its way. It is not sent again by itself."),
        reasons=(_R.WORKER_DIED,),
    ),
    Row(_("No mail server takes such an address. Correct it."), reasons=(_R.BAD_ADDRESS,)),
    Row(_("The letter could not leave before the next run began."), reasons=(_R.NEXT_RUN,)),
    Row(_("The mail server was not available for too long."), reasons=(_R.RETRY_WINDOW,)),
    Row(_("The client must not be written to."), reasons=(_R.UNSUBSCRIBED, _R.SUPPRESSED)),
    Row(_("The client was no longer among the recipients."), reasons=(_R.REMOVED, _R.DELETED)),
    Row(_("The run was stopped before this letter."), reasons=(_R.ENDED, _R.FINISHED)),
    Row(TOO_BIG, codes=("552",), enhanced=("", "5.3.4")),
    Row(TOO_BIG, enhanced=("5.3.4",)),
    Row(_("The server refused the message itself. Change it, and send it again."), reasons=(_R.MESSAGE,)),
    Row(LOGIN, codes=("535", "534", "530", "538")),
    Row(
        _("The server takes no letters from this sender. The mailing waits: check the mail settings."),
        reasons=(_R.CONFIGURATION,),
    ),
    Row(_("The server closes the line and asks to come back later. The letters wait."), codes=("421",)),
    Row(_("The mailbox is full."), enhanced=("5.2.2", "4.2.2")),
    Row(
        _("The server asked to wait each time, until the tries were used up. You can send it again by hand."),
        reasons=(_R.TRIES_USED_UP,),
    ),
    Row(WAIT, codes=("4",)),
    Row(NO_MAILBOX, enhanced=("5.1.1", "5.1.6", "5.1.10", "5.2.1")),
    Row(_("The server does not like the sender's address. Check the mail settings."), enhanced=("5.1.7", "5.1.8")),
    Row(
        _("The domain of this address takes no letters. Check the address."),
        codes=("5",),
        enhanced=("5.1.2", "5.4.*"),
    ),
    Row(
        _("The server refuses by its own rules: it takes the letter for spam, or does not trust the sender."),
        codes=("5",),
        enhanced=("5.7.*",),
    ),
    Row(NO_MAILBOX, codes=("550", "551", "553")),
    Row(_("The server refused the letter for good."), codes=("5",)),
    Row(_("The server accepted the letter."), codes=("2",)),
)


def explain(code: int | None, response: str = "", reason: str = "") -> Sentence:
    """The sentence for a delivery (or a refusal) with this code, server response and reason; empty for none."""
    words = response.removeprefix(f"{code} ") if code else ""
    enhanced = enhanced_code(code, words) if code else ""
    found = (row.sentence for row in ROWS if row.fits(str(code or ""), enhanced, reason))
    return next(found, "")
