"""A letter as SMTP says it: its commands, its body with the dots stuffed, and what makes it unsayable."""

from __future__ import annotations

import re

from mailing.choices import DeliveryReason
from mailing.delivery.handshake import Abilities
from mailing.delivery.transport import Letter
from mailing.replies import Outcome, Phase, Trouble, Verdict, classify

ADDRESS = re.compile(r"[!-;=?-~]{1,320}")  # no spaces, brackets, line ends, nothing beyond ASCII: no way out of <>


def mail(letter: Letter, abilities: Abilities) -> bytes:
    """MAIL with what the server can use: the size (RFC 1870), and BODY where there are bytes over 127 (RFC 6152)."""
    size = f" SIZE={len(letter.data)}" if abilities.announces_size else ""
    body = " BODY=8BITMIME" if abilities.eight_bit and not letter.data.isascii() else ""
    return f"MAIL FROM:<{letter.sender}>{size}{body}\r\n".encode("ascii")


def rcpt(letter: Letter) -> bytes:
    return f"RCPT TO:<{letter.to}>\r\n".encode("ascii")


def body(letter: Letter) -> bytes:
    """The message and the final dot; a line that begins with a dot gets another one (RFC 5321 4.5.2)."""
    data = letter.data
    if b"\r\n." in data:
        data = data.replace(b"\r\n.", b"\r\n..")
    return b"%b%b.\r\n" % (b"." if data.startswith(b".") else b"", data)


def flaw(letter: Letter, abilities: Abilities) -> Outcome | None:
    """Why the letter is not even tried. A bare CR or LF could be read as the end of the letter ("SMTP smuggling")."""
    data = letter.data
    if not ADDRESS.fullmatch(letter.to):
        return classify(Phase.RCPT, Trouble.BAD_ADDRESS)
    if 0 < abilities.size < len(data):
        return classify(Phase.MAIL, Trouble.TOO_BIG)
    lines = data.count(b"\r\n")
    sayable = (
        data.endswith(b"\r\n")
        and data.count(b"\n") == lines == data.count(b"\r")
        and (abilities.eight_bit or data.isascii())
        and ADDRESS.fullmatch(letter.sender)
    )
    return None if sayable else Outcome(Verdict.MESSAGE, DeliveryReason.MESSAGE, phase=Phase.MAIL)
