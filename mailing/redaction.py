"""Text that somebody else wrote, made fit to be stored and shown (rule 11 of a run), and to be logged.

A mail server may answer with megabytes, with control characters that turn a terminal or a line of text around, or
with the password it was just given: text is bounded, cleaned, and our credentials are blanked.
"""

from __future__ import annotations

import base64
import re
from functools import lru_cache

MAX_LINE = 2_000  # bytes of one line (RFC 5321, 4.5.3.1.5 allows 512)
MAX_LINES = 100
MAX_STORED = 8_000  # bytes
BLANK = "***"


def clean(text: str | bytes, secrets: tuple[str, ...] = ()) -> str:
    """The server's words fit to be stored and shown: bounded, without control characters and our credentials."""
    if isinstance(text, bytes):
        text = text[: MAX_LINE * MAX_LINES].decode("utf-8", "replace")
    if len(text) <= MAX_LINE and text.isascii() and text.isprintable():  # nearly every reply
        return _blank(text, secrets)
    lines = _LINE_END.split(text[: MAX_LINE * MAX_LINES])[:MAX_LINES]
    said = _blank("\n".join(map(_tidy, lines)).strip(), secrets)
    return _cut("\n".join(_cut(line, MAX_LINE) for line in said.split("\n")), MAX_STORED)


_LINE_END = re.compile(r"\r\n|\r|\n")
_UNFIT = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def one_line(text: str) -> str:
    """Every character that could end a line or turn it around, written out: `\\n`, `\\x1b`, `\\u202e`."""
    return _UNFIT_IN_A_LINE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def blanked(text: str, secrets: tuple[str, ...]) -> str:
    """Without these secrets, also where they stand inside base64."""
    return _blank(text, secrets)


def without_passwords(text: str) -> str:
    """Without the password of any address such as redis://name:password@host."""
    return _LOGIN.sub(rf"\1:{BLANK}@", text)


def without_links(text: str) -> str:
    """Without what makes a link to unsubscribe work: it holds the client's address, too."""
    return _LINK.sub(rf"\1{BLANK}", text)


def without_people(text: str) -> str:
    """Without e-mail addresses, as they are or as part of a path."""
    return _ADDRESS.sub(BLANK, text)


_UNFIT_IN_A_LINE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_LOGIN = re.compile(r"(\b[a-z][a-z0-9+.-]{0,20}://[^\s:/@]{0,200}):[^\s@]{1,500}@", re.IGNORECASE)
_LINK = re.compile(r"(/u/)[^/\s]+")
_ADDRESS = re.compile(r"[^\s/@<>()\"',;:=&?]{1,200}(?:@|%40)[^\s/@<>()\"',;:=&?]{1,200}")


def _tidy(line: str) -> str:
    return _UNFIT.sub("", line).replace("\t", " ").rstrip()


def _cut(text: str, size: int) -> str:
    """At most so many bytes of UTF-8, and no half character."""
    data = text.encode()
    return text if len(data) <= size else data[:size].decode("utf-8", "ignore")


def _blank(text: str, secrets: tuple[str, ...]) -> str:
    pattern = _secret_pattern(secrets) if secrets else None
    return pattern.sub(BLANK, text) if pattern else text


@lru_cache(maxsize=16)
def _secret_pattern(secrets: tuple[str, ...]) -> re.Pattern[str] | None:
    forms = {form for secret in secrets for form in (secret, *_in_base64(secret)) if len(form) >= 4}
    return re.compile("|".join(map(re.escape, sorted(forms, key=len, reverse=True)))) if forms else None


def _in_base64(secret: str) -> list[str]:
    """How the secret looks inside base64, whatever stands before and after it (AUTH PLAIN joins three words)."""
    data = secret.encode()
    if len(data) < 3:
        return []
    return [base64.b64encode(data).decode(), *inside_base64(data)]


def inside_base64(data: bytes) -> list[str]:
    """The characters that are surely these bytes' own, for each of the three places in which they may begin."""
    return [base64.b64encode(b"\0" * k + data).decode()[(0, 2, 3)[k] : (k + len(data)) * 8 // 6] for k in range(3)]
