"""The encodings of a letter: header words (RFC 2047), quoted-printable (RFC 2045, 6.7) and lines in 8 bits.

The standard library has all of them, but cannot leave a place open for a client's value; these can, and a
property test holds them against its parser.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Iterator

MAX_LINE = 998  # bytes, RFC 5322, 2.1.1
QP_LINE = 76  # characters, the "=" of a soft break included
SOFT_BREAK = b"=\r\n"

_LINE_END = re.compile("\r\n|\r|\n")
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_WORD_BYTES = 45  # base64 of them and "=?utf-8?b?…?=" are 72 characters; RFC 2047, 2 allows 75
_PLAIN_PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/^_`{|}~-]+)*", re.ASCII)
_PLAIN_TEXT = re.compile(r"[!-~]+(?: [!-~]+)*", re.ASCII)
_PLAIN_LENGTH = 60


def lines(text: str) -> str:
    """The text with CRLF line ends and without what no letter may hold (NUL, controls, halves of characters)."""
    return _UNFIT.sub("", _LINE_END.sub("\r\n", text))


def phrase(name: str) -> str:
    """A display name for an address header. The name must be one tidy line."""
    if len(name) <= _PLAIN_LENGTH and name.isascii() and "=?" not in name:
        if _PLAIN_PHRASE.fullmatch(name):
            return name
        return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return words(name)


def unstructured(text: str) -> str:
    """A value for a header such as Subject. The text must be one tidy line."""
    if len(text) <= _PLAIN_LENGTH and "=?" not in text and _PLAIN_TEXT.fullmatch(text):
        return text
    return words(text) if text else ""


def words(text: str) -> str:
    """The text as base64 words, one a line."""
    data = text.encode()
    if len(data) <= _WORD_BYTES:
        return f"=?utf-8?b?{b2a_base64(data, newline=False).decode()}?="
    return "\r\n ".join(f"=?utf-8?b?{b2a_base64(chunk, newline=False).decode()}?=" for chunk in _chunks(data))


def _chunks(data: bytes) -> Iterator[bytes]:
    """Pieces of a word's size that never split a character: each word must be readable alone (RFC 2047, 5)."""
    while data:
        size = min(_WORD_BYTES, len(data))
        while size < len(data) and data[size] & 0xC0 == 0x80:
            size -= 1
        yield data[:size]
        data = data[size:]


def quoted_printable(data: bytes, *, open_end: bool = False) -> bytes:
    """The text (with CRLF line ends), each output line within 76 characters; none begins with a dot.

    `open_end`: a soft break follows, so that a space at the very end may stay one.
    """
    *lines, last = data.split(b"\r\n")
    return b"\r\n".join([*map(_quote_line, lines), _quote_line(last, open_end=open_end)])


_UNSAFE = re.compile(rb"[^ -<>-~]+")
_SAFE_LINE = re.compile(rb"(?!\.)[ -<>-~]{0,74}[!-<>-~]")
# As much as fits before a soft break, never ending within an escape; a dot at the beginning takes two places more.
_QUOTED_LINE = re.compile(rb"\..{0,72}(?<!=)(?<!=.)|[^.].{0,74}(?<!=)(?<!=.)", re.DOTALL)


def _quote_line(line: bytes, *, open_end: bool = False) -> bytes:
    """A dot at the beginning is quoted (SMTP doubles it: RFC 5321, 4.5.2), and a space at the end is (RFC 2045)."""
    if _SAFE_LINE.fullmatch(line):
        return line
    quoted = _UNSAFE.sub(_escaped, line)
    if line.endswith(b" ") and not open_end:
        quoted = quoted[:-1] + b"=20"
    return SOFT_BREAK.join(b"=2E" + row[1:] if row.startswith(b".") else row for row in _QUOTED_LINE.findall(quoted))


def _escaped(found: re.Match[bytes]) -> bytes:
    return b"=" + found[0].hex("=").upper().encode()


def quoted_length(data: bytes) -> int:
    """About how many bytes quoted-printable makes of the data."""
    escaped = len(data) + 2 * len(b"".join(_UNSAFE.findall(data)))
    return escaped + escaped // QP_LINE * len(SOFT_BREAK)
