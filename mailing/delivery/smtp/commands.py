"""A letter as SMTP says it: its commands, its body with the dots stuffed, and what makes it unsayable."""

from __future__ import annotations

import re
from functools import lru_cache

from mailing.choices import DeliveryReason
from mailing.delivery.smtp.capabilities import Capabilities
from mailing.delivery.transport import Letter
from mailing.replies import Outcome, Phase, Trouble, Verdict, classify

ADDRESS = re.compile(r"[!-;=?-~]{1,320}")  # no spaces, brackets, line ends, nothing beyond ASCII: no way out of <>


def mail(letter: Letter, capabilities: Capabilities) -> str:
    """MAIL with what the server can use: the size (RFC 1870), and BODY where there are bytes over 127 (RFC 6152)."""
    size = f" SIZE={len(letter.data)}" if capabilities.announces_size else ""
    body = " BODY=8BITMIME" if capabilities.eight_bit and not letter.data.isascii() else ""
    return f"MAIL FROM:<{letter.sender}>{size}{body}\r\n"


def rcpt(letter: Letter) -> str:
    return f"RCPT TO:<{letter.to}>\r\n"


def envelope(letter: Letter, capabilities: Capabilities) -> bytes:
    """A transaction up to its chunk. RSET first: Exim keeps the sender of one whose recipient was refused."""
    return f"RSET\r\n{mail(letter, capabilities)}{rcpt(letter)}".encode("ascii")


def body(letter: Letter) -> bytes:
    """The message; a line that begins with a dot gets another one (RFC 5321 4.5.2)."""
    data = letter.data
    if letter.composed:
        return data
    return (b"." if data.startswith(b".") else b"") + data.replace(b"\r\n.", b"\r\n..")


def flaw(letter: Letter, capabilities: Capabilities) -> Outcome | None:
    """Why the letter is not even tried."""
    data = letter.data
    if 0 < capabilities.size < len(data):
        return classify(Phase.MAIL, Trouble.TOO_BIG)._replace(size=len(data), limit=capabilities.size)
    if not (letter.composed or ADDRESS.fullmatch(letter.to)):
        return classify(Phase.RCPT, Trouble.BAD_ADDRESS)
    sayable = _is_address(letter.sender) and (letter.composed or _is_sayable(data, capabilities))
    return None if sayable else Outcome(Verdict.MESSAGE, DeliveryReason.MESSAGE, phase=Phase.MAIL)


@lru_cache(maxsize=16)
def _is_address(sender: str) -> bool:
    """Of the sender, who is the same in letter after letter."""
    return ADDRESS.fullmatch(sender) is not None


def _is_sayable(data: bytes, capabilities: Capabilities) -> bool:
    return data.endswith(b"\r\n") and (capabilities.eight_bit or data.isascii()) and _has_whole_line_ends(data)


def _has_whole_line_ends(data: bytes) -> bool:
    """A CR or LF alone could be read as a line end, and so as the end of the letter ("SMTP smuggling")."""
    return data.count(b"\r\n") == data.count(b"\n") == data.count(b"\r")
