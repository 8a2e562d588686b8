"""What the server at the other end can do: its answer to EHLO (RFC 5321 4.1.1.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the server announced after the last EHLO (RFC 5321 4.1.1.1)."""

    pipelining: bool = False
    chunking: bool = False
    eight_bit: bool = False
    starttls: bool = False
    announces_size: bool = False
    size: int = 0  # bytes; 0: no fixed limit
    mechanisms: frozenset[str] = frozenset()


def read_capabilities(text: bytes) -> Capabilities:
    """The announced extensions; what makes no sense counts as not announced."""
    words = [line.decode("ascii", "replace").upper().split() for line in text.split(b"\n")[1:]]
    offers = {word[0]: word[1:] for word in words if word}
    mechanisms = set(offers.get("AUTH", ()))
    mechanisms.update(w[0][5:] for w in words if w and w[0].startswith("AUTH="))  # old Exchange
    size = (offers.get("SIZE") or ["0"])[0]
    return Capabilities(
        pipelining="PIPELINING" in offers,
        chunking="CHUNKING" in offers,
        eight_bit="8BITMIME" in offers,
        starttls="STARTTLS" in offers,
        announces_size="SIZE" in offers,
        size=int(size) if re.fullmatch("[0-9]{1,20}", size) else 0,
        mechanisms=frozenset(mechanisms),
    )
