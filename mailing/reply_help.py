"""A sentence for the person above whatever the mail server said: what it means, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from django.template.defaultfilters import filesizeformat
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from mailing.replies import enhanced_code, enhanced_fits

Sentence = str | Promise

WAIT = _("The server asks to wait. This is temporary: the letter is tried again by itself.")
NO_MAILBOX = _("The mailbox does not exist or takes no letters. Check the address.")
FULL = _("The mailbox is full.")
TOO_BIG = _(
    "The letter is too big for the server. Make it smaller: put pictures on a site instead of into the letter."
)
LETTER_AND_LIMIT = _(
    "The letter is %(size)s, and the mail server takes %(limit)s at most. Make the letter smaller, then send again: "
    "put pictures on a site instead of into the letter."
)
LETTER_ALONE = _(
    "The letter is %(size)s, and the mail server takes none so large. Make the letter smaller, then send again: "
    "put pictures on a site instead of into the letter."
)
LOGIN = _("The server did not accept the user name or password. Check the mail settings.")


@dataclass(frozen=True, slots=True)
class HelpRow:
    """The first row that fits speaks: codes by their beginning, enhanced codes as in `replies` (none given: any)."""

    codes: tuple[str, ...]
    sentence: Sentence
    enhanced: tuple[str, ...] = ("*",)

    def fits(self, code: str, enhanced: str) -> bool:
        return code.startswith(self.codes) and any(enhanced_fits(pattern, enhanced) for pattern in self.enhanced)


ROWS: tuple[HelpRow, ...] = (
    HelpRow(("2",), _("The server accepted the letter.")),
    HelpRow(("421",), _("The server closes the line and asks to come back later. The letters wait.")),
    HelpRow(("4",), FULL, ("4.2.2",)),
    HelpRow(("4",), WAIT),
    HelpRow(("530", "534", "535", "538"), LOGIN),
    HelpRow(("552",), TOO_BIG, ("",)),
    HelpRow(("5",), TOO_BIG, ("5.3.4",)),
    HelpRow(("5",), FULL, ("5.2.2",)),
    HelpRow(("5",), NO_MAILBOX, ("5.1.1", "5.1.6", "5.1.10", "5.2.1")),
    HelpRow(("5",), _("The server does not like the sender's address. Check the mail settings."), ("5.1.7", "5.1.8")),
    HelpRow(("5",), _("The domain of this address takes no letters. Check the address."), ("5.1.2", "5.4.*")),
    HelpRow(("5",), _("The server did not like the content of the letter. Change the message."), ("5.6.*",)),
    HelpRow(
        ("5",),
        _("The server refuses by its own rules: it takes the letter for spam, or does not trust the sender."),
        ("5.7.*",),
    ),
    HelpRow(("550", "551", "553"), NO_MAILBOX),
    HelpRow(("5",), _("The server refused the letter for good.")),
)


def too_large(size: int, limit: int = 0) -> str:
    """What to do about a letter of so many bytes; `limit`: what the server takes, where it said so."""
    shown = [filesizeformat(size), filesizeformat(limit)]
    if shown[0] == shown[1]:  # a byte too many
        shown = [_bytes(size), _bytes(limit)]
    return (LETTER_AND_LIMIT if limit else LETTER_ALONE) % {"size": shown[0], "limit": shown[1]}


def _bytes(number: int) -> str:
    return ngettext("%(n)s byte", "%(n)s bytes", number) % {"n": number_format(number, force_grouping=True)}


def explain(code: int | None, response: str = "") -> Sentence:
    """The sentence for this reply code, `response` being the server's words with the code; empty for no reply."""
    if code is None:
        return ""
    enhanced = enhanced_code(code, response.removeprefix(f"{code} "))
    return next((row.sentence for row in ROWS if row.fits(str(code), enhanced)), "")
