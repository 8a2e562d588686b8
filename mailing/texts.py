"""Sentences said in more than one place: English msgids, translated where they are printed.

What only one room says stands there.
"""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

NOBODY = _("Nobody to send to: add recipients.")
ALREADY_BEGUN = _("Already begun: attempt %(attempt)s.")
GIVEN_UP = _("The mail server took no letter for too long, so the run was given up.")
MESSAGE_REFUSED = _("The server refused the message itself. Change it, then send again.")
ENDS_TOO_EARLY = _("The end is before the first send.")
NO_SUCH_MAILING = _("There is no mailing %(number)s.")
NOT_AN_ADDRESS = _("This is not an e-mail address.")
LONG_COMMENT = _("The comment is longer than %(limit)s characters.")
LETTER_TOO_LONG = _("The letter is longer than 500 KB. Shorten it; pictures belong on a server, not into the text.")
LETTER_TOO_DEEP = _("The letter is nested deeper than 200 elements. Is a closing tag missing again and again?")
LETTER_TOO_LARGE = _(
    "Made ready, with its styles on its elements, the letter is larger than 2 MB. Use fewer style rules or fewer "
    "elements."
)
LETTER_TOO_COSTLY = _(
    "The letter takes too much time or memory to be made ready. Simplify its HTML: fewer attributes, fewer style "
    "rules, fewer elements within each other."
)
UNSENDABLE = _(
    "The letter could not be composed. Check the sender, the reply address and the fields, then send again."
)
PUT_ASIDE = _(
    "Two sending processes died at this run, one after the other, before a letter was decided. It was put aside, so "
    "that the other mailings go on. Try a test letter and ask for the log, then retry."
)
NOBODY_KNOWN = _("Nothing is known of this address.")
NO_TABLES = _("The database has not all tables of this version. Run “manage.py migrate”.")
