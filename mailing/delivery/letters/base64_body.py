"""A text in base64 (RFC 2045, 6.8) whose constant parts are encoded once for all clients.

Three bytes make four characters, so what stands behind a client's value depends on how many bytes came before it,
modulo three. Each long constant part is therefore kept in three forms, one for each number of its first bytes that
still belong to the group the value began; a client costs the few bytes around their values. Lines are wherever we
end them (a reader skips all line ends), within 76 characters; none can begin with a dot.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable, Sequence
from typing import NamedTuple

GROUP = 3
LINE_BYTES = 57  # 76 characters
_SHORT = 2 * LINE_BYTES  # a part so short is encoded with the values around it

Part = bytes | int  # constant bytes, or the index of a value among the filled ones


class _Form(NamedTuple):
    """A constant part whose first bytes complete the group before it: these, its whole groups as lines, the rest."""

    first: bytes
    lines: bytes
    rest: bytes


_NOTHING = _Form(b"", b"", b"")


class _Stretch(NamedTuple):
    """Values with short texts between them, then a long constant part; `forms[n]` gives n of its bytes away."""

    around: tuple[Part, ...]
    forms: tuple[_Form, ...]


def encoder(parts: Sequence[Part]) -> Callable[[Sequence[bytes]], bytes]:
    """What makes the body of one client from their filled values. It ends with a line end."""
    stretches = _stretches(_merged(parts))

    def body(filled: Sequence[bytes]) -> bytes:
        done: list[bytes] = []
        carried = b""
        for around, forms in stretches:
            text = carried + b"".join([filled[part] if isinstance(part, int) else part for part in around])
            first, lines, carried = forms[-len(text) % GROUP]
            done.append(wrapped(text + first))
            done.append(lines)
        return b"".join(done)

    return body


def wrapped(data: bytes) -> bytes:
    """The data as whole lines."""
    if len(data) <= LINE_BYTES:
        return b2a_base64(data, newline=False) + b"\r\n" if data else b""
    lines = [b2a_base64(data[at : at + LINE_BYTES], newline=False) for at in range(0, len(data), LINE_BYTES)]
    return b"\r\n".join(lines) + b"\r\n"


def length(data: bytes) -> int:
    """How many bytes the data take, line ends included."""
    return -(-len(data) // LINE_BYTES) * 78


def _merged(parts: Sequence[Part]) -> list[Part]:
    """Constants that stand beside each other as one."""
    found: list[Part] = []
    for part in parts:
        last = found[-1] if found else 0
        if isinstance(part, bytes) and isinstance(last, bytes):
            found[-1] = last + part
        else:
            found.append(part)
    return found


def _stretches(parts: Sequence[Part]) -> list[_Stretch]:
    found: list[_Stretch] = []
    around: list[Part] = []
    for number, part in enumerate(parts, start=1):
        if isinstance(part, int) or len(part) < _SHORT:
            around.append(part)
            continue
        at_end = number == len(parts)
        found.append(_Stretch(tuple(around), tuple(_form(part, first, at_end) for first in range(GROUP))))
        around = []
    return [*found, _Stretch(tuple(around), (_NOTHING,) * GROUP)] if around else found


def _form(part: bytes, first: int, at_end: bool) -> _Form:
    """At the end nothing follows that could complete the last group: it is padded."""
    stop = len(part) if at_end else len(part) - (len(part) - first) % GROUP
    return _Form(part[:first], wrapped(part[first:stop]), part[stop:])
