"""Sentences said in more than one place: English msgids, translated where they are printed.

What only one room says stands there.
"""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

NOBODY = _("Nobody to send to: add recipients.")
ALREADY_SENDING = _("Already being sent: attempt %(attempt)s.")
GIVEN_UP = _("The mail server took no letter for too long, so the run was given up.")
MESSAGE_REFUSED = _("The server refused the message itself. Change it, then send again.")
ENDS_TOO_EARLY = _("The end is before the first send.")
NO_SUCH_MAILING = _("There is no mailing %(number)s.")
NOT_AN_ADDRESS = _("This is not an e-mail address.")
