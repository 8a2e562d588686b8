"""A letter is composed once per attempt and filled in once per client.

There are two forms for the wire:

- *8 bit* (`letter`) for a server that offers 8BITMIME: bodies as they are;
- *7 bit* (`letter_7bit`): bodies in quoted-printable or base64, whichever is shorter. Every server gets this form of
  a body with a line over 998 bytes or one that begins with a dot, and of a letter that a client's own values would
  make so.

**No line of a letter ever begins with a dot**, so the transparency rule of SMTP (RFC 5321, 4.5.2) finds nothing
to do, and a letter is the same bytes on the wire, in a mailbox and in a test. It ends with CRLF; the final
`.CRLF` is the session's.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.utils import format_datetime
from typing import NamedTuple

from mailing import addresses, placeholders
from mailing.delivery.letters import encoding, templates
from mailing.delivery.letters.templates import Body, Template, Values
from mailing.placeholders import Field, tidy

MAX_SUBJECT = 600  # characters, filled
FOLD_AT = 76


class Recipient(NamedTuple):
    """One client as a letter sees them. `message_id` with its angle brackets; an empty greeting is the full name."""

    email: str
    full_name: str
    greeting: str
    message_id: str
    unsubscribe_url: str


class Unaddressable(ValueError):
    """An address of the letter cannot be used in plain SMTP: from `compose` ours, from `letter` the recipient's."""


def compose(subject: str, html_body: str, text_body: str, from_email: str, reply_to: str) -> Composed:
    """The letter of an attempt. `from_email` may carry a name; its domain is that of the Message-IDs.

    Raises `placeholders.Invalid` when a text holds something that looks like a field and is none, and
    `Unaddressable` when the sender or the reply address is none.
    """
    sender = addresses.split(from_email)[1]
    bodies = [Body.of(text, as_html=as_html) for text, as_html in ((text_body, False), (html_body, True)) if text]
    bodies = bodies or [Body.of("", as_html=False)]
    # Automatic: a reader's holiday responder leaves such a letter alone (RFC 3834, 2 and 5).
    fixed: dict[str, Address | str] = {"From": _ours(from_email), "Auto-Submitted": "auto-generated"}
    if reply_to:
        fixed["Reply-To"] = _ours(reply_to)
    return Composed(
        sender=sender,
        domain=addresses.domain(sender),
        subject=_subject(subject),
        eight_bit=templates.build(fixed, bodies, in_7bit=False),
        seven_bit=templates.build(fixed, bodies, in_7bit=True),
    )


def _ours(text: str) -> Address:
    name, address = addresses.split(text)
    name = name.replace(addresses.ENCODED, "= ?")  # the standard library would try to decode it, and fail
    try:
        return Address(tidy(name), addr_spec=address)
    except (ValueError, IndexError, HeaderParseError) as error:  # each is raised for some kind of nonsense
        raise Unaddressable(text) from error


@dataclass(slots=True)
class Composed:
    """A letter that only lacks its recipient. `sender` is the bare address for the envelope."""

    sender: str
    domain: str
    subject: Callable[[Values], str]
    eight_bit: Template
    seven_bit: Template
    _date: tuple[int, str] = (-1, "")

    def letter(self, recipient: Recipient, date: datetime | None = None) -> bytes:
        """The letter for a server that offers 8BITMIME, dated now unless told otherwise. Raises `Unaddressable`."""
        values = _values(recipient)
        head = self._head(recipient, values, date)
        return self.eight_bit.fill(head, values) or self.seven_bit.join(head, values)

    def letter_7bit(self, recipient: Recipient, date: datetime | None = None) -> bytes:
        """The letter in ASCII alone. Raises `Unaddressable`."""
        values = _values(recipient)
        return self.seven_bit.join(self._head(recipient, values, date), values)

    def new_message_id(self) -> str:
        return f"<{secrets.token_hex(12)}@{self.domain}>"

    def _head(self, recipient: Recipient, values: Values, date: datetime | None) -> bytes:
        """The header lines that differ from client to client."""
        email, url = recipient.email, recipient.unsubscribe_url
        if not addresses.is_valid(email):
            raise Unaddressable(email)
        leave = f"List-Unsubscribe: <{url}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" if url else ""
        return (
            f"To: {_mailbox(values['full_name'], email)}\r\nSubject: {self.subject(values)}\r\n"
            f"Date: {format_datetime(date) if date else self._now()}\r\nMessage-ID: {recipient.message_id}\r\n{leave}"
        ).encode("ascii")

    def _now(self) -> str:
        """Made once a second: it would cost as much as the join."""
        second = int(time.time())
        known, line = self._date
        if known != second:
            line = format_datetime(datetime.fromtimestamp(second, UTC))
            self._date = (second, line)
        return line


def _values(recipient: Recipient) -> Values:
    full_name, greeting = tidy(recipient.full_name), recipient.greeting
    return {
        "full_name": full_name,
        "greeting": (tidy(greeting) if greeting else "") or full_name,
        "email": recipient.email,
        "unsubscribe_url": recipient.unsubscribe_url,
    }


def _mailbox(name: str, email: str) -> str:
    if not name:
        return email
    phrase = encoding.phrase(name)
    fold = "\r\n" if len(phrase) + len(email) + len("To:  <>") > FOLD_AT else ""
    return f"{phrase}{fold} <{email}>"


def _subject(text: str) -> Callable[[Values], str]:
    parts = placeholders.parse(_one_line(text))
    if any(isinstance(part, Field) for part in parts):
        return lambda values: encoding.unstructured(_one_line(placeholders.fill(parts, values)))
    constant = encoding.unstructured(_one_line(placeholders.fill(parts, {})))
    return lambda values: constant


def _one_line(text: str) -> str:
    return " ".join(encoding.lines(text).split())[:MAX_SUBJECT].rstrip()
