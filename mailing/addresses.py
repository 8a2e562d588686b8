"""Normalise and judge an e-mail address.

One stored form, the same in the database, in look-ups and on the wire: trimmed, lower case, the domain in
ASCII (IDNA 2008 with the UTS 46 mapping). `иван@пример.рф` and `иван@xn--e1afmkfd.xn--p1ai` are one client
that way, and nothing behind the database has to know about Unicode domains; `display()` shows them to people.

Judged is what plain SMTP (RFC 5321 without SMTPUTF8, RFC 6531) can carry. Quoted local parts and address
literals are valid there and refused here: no client has one, and they are how commands get smuggled in.
"""

from __future__ import annotations

import re
import unicodedata
from email.errors import HeaderParseError
from email.header import decode_header, make_header

import idna

ENCODED = "=?"  # begins an encoded word; in a name that people write it would be read as one
MAX_ADDRESS = 254  # RFC 5321, 4.5.3.1.3: a path of 256 octets with its angle brackets (erratum 1690 of RFC 3696)
MAX_LOCAL = 64  # RFC 5321, 4.5.3.1.1

# Zero-width characters and marks of direction that come along when an address is copied from a web page or a PDF.
_INVISIBLE = dict.fromkeys(
    map(ord, "\u00ad\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\ufeff")
)

# Read for each letter: that nothing in it goes back (possessive) and no case is folded saves 0.3 µs of 1.0.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]++"
_LABEL = r"[A-Za-z0-9-]{1,63}+(?<!-)"  # nor does one begin with a hyphen
_ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*+@(?:(?!-){_LABEL}\.)+(?!-|\d+\Z){_LABEL}", re.ASCII)
_IN_BRACKETS = re.compile(r"<([^<>]*)>\s*[,;.]?\s*\Z")
_AROUND = " \t\r\n\u00a0<>()[]\"'«»“”„,;:"


def normalize(address: str) -> str:
    """The one stored form of an address. Never fails: what is no address comes back tidied and stays invalid."""
    if address.isascii():
        return address.strip().lower()
    tidy = unicodedata.normalize("NFC", address.translate(_INVISIBLE).strip().lower())
    local, at, host = tidy.rpartition("@")
    return f"{local}@{ascii_domain(host)}" if at else tidy


def extract(text: str) -> str:
    """The normalised address in a cell of somebody's table: "Имя <a@b.ru>", "mailto:a@b.ru", "a@b.ru;"."""
    found = _IN_BRACKETS.search(text)
    text = (found.group(1) if found else text).translate(_INVISIBLE).strip(_AROUND)
    if text[:7].lower() == "mailto:":
        text = text[7:].partition("?")[0]
    return normalize(text.strip(_AROUND))


def is_valid(address: str) -> bool:
    """Whether plain SMTP can carry a letter to this (normalised) address."""
    fits = len(address) <= MAX_ADDRESS and _ADDRESS.fullmatch(address) is not None
    return fits and address.index("@") <= MAX_LOCAL


def split(text: str) -> tuple[str, str]:
    """The name and the address of "Name <a@b.ru>" as our own settings and forms hold them; the name may be empty.

    A name of encoded words (RFC 2047) is read; one that only looks like them stays as it is.
    """
    name, bracket, address = text.strip().removesuffix(">").rpartition("<")
    if not bracket:
        return "", normalize(text)
    name = name.strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return (_decoded(name) if ENCODED in name else name), normalize(address)


def _decoded(name: str) -> str:
    try:
        return str(make_header(decode_header(name)))
    except (HeaderParseError, LookupError, ValueError):
        return name


def domain(address: str) -> str:
    """What stands behind the last @; empty where there is none."""
    return address.rpartition("@")[2] if "@" in address else ""


def display(address: str) -> str:
    """The address as people write it: a domain like xn--p1ai in its own letters."""
    local, at, host = address.rpartition("@")
    if "xn--" not in host:
        return address
    try:
        return local + at + idna.decode(host)
    except idna.IDNAError:
        return address


def masked(address: str) -> str:
    """Enough for its owner to know it again, and for nobody else to learn it: m•••@example.ru."""
    local, at, host = address.rpartition("@")
    return f"{local[:1]}•••{at}{display(at + host)[1:]}"


def ascii_domain(host: str) -> str:
    """The domain as DNS and SMTP know it; what has no such form stays as it is (and is not valid)."""
    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return host
