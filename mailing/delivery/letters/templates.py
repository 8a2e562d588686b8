"""A letter cut at the places that differ from client to client, so that a client costs one join."""

from __future__ import annotations

import html
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Literal

from mailing import placeholders
from mailing.delivery.letters import base64_body, encoding
from mailing.placeholders import Field, Part, tidy

Transfer = Literal["8bit", "quoted-printable", "base64"]
Values = Mapping[str, str]
Filler = Callable[[Values], bytes]
Encoder = Callable[[Sequence[bytes]], bytes]  # of the filled values


@dataclass(frozen=True, slots=True)
class Slot:
    """A place that is filled per client. Quoted, a value stands on lines of its own, between soft breaks."""

    field: Field
    as_html: bool
    quoted: bool

    def filler(self) -> Filler:
        name, as_html = self.field.name, self.as_html
        default = html.escape(tidy(self.field.default)) if as_html else tidy(self.field.default)

        def plain(values: Values) -> bytes:
            value = values[name]
            return (html.escape(value) if as_html and value else value or default).encode()

        def quoted(values: Values) -> bytes:
            return encoding.SOFT_BREAK + encoding.quoted_printable(plain(values), open_end=True) + encoding.SOFT_BREAK

        return quoted if self.quoted else plain


@dataclass(frozen=True, slots=True)
class Body:
    """One version of the text, cut into literals and fields."""

    parts: list[Part]
    as_html: bool

    @classmethod
    def of(cls, text: str, *, as_html: bool) -> Body:
        """Raises `placeholders.Invalid`."""
        return cls(placeholders.parse(encoding.lines(text).removesuffix("\r\n")), as_html)

    def fits_8bit(self) -> bool:
        """Whether its own lines keep the rules of that form (a client's value may still break them)."""
        fixed = "".join(part for part in self.parts if isinstance(part, str)).encode().split(b"\r\n")
        return all(len(line) <= encoding.MAX_LINE and not line.startswith(b".") for line in fixed)

    def transfer(self, *, in_7bit: bool) -> Transfer:
        """The encoding for the wire: as it is where that keeps the rules, else whichever is shorter."""
        if not in_7bit and self.fits_8bit():
            return "8bit"
        fixed = "".join(part for part in self.parts if isinstance(part, str)).encode()
        return "base64" if base64_body.length(fixed) < encoding.quoted_length(fixed) else "quoted-printable"

    def pieces(self, *, quoted: bool) -> Iterator[bytes | Slot]:
        last = len(self.parts) - 1
        for number, part in enumerate(self.parts):
            if isinstance(part, Field):
                yield Slot(part, self.as_html, quoted)
            elif quoted:
                yield encoding.quoted_printable(part.encode(), open_end=number < last)
            else:
                yield part.encode()


@dataclass(slots=True)
class Template:
    """The serialised letter: `pieces` joined, with the head at `head_at` and the values at their `places`.

    A text in base64 is one piece, made from the values as a whole.
    """

    pieces: list[bytes] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)  # index in pieces, index in fillers
    encoded: list[tuple[int, Encoder]] = field(default_factory=list)  # index in pieces, what makes a base64 text
    fillers: list[Filler] = field(default_factory=list)
    open_lines: list[tuple[int, list[int]]] = field(default_factory=list)  # bytes without values, its fillers
    may_begin_with_a_dot: bool = False
    head_at: int = 0
    slack: int = encoding.MAX_LINE
    _slots: dict[Slot, int] = field(default_factory=dict)  # with its filler's index

    def fill(self, head: bytes, values: Values) -> bytes | None:
        """The letter, or None where a value makes a line too long or begin with a dot."""
        filled = [fill(values) for fill in self.fillers]
        if sum(map(len, filled)) > self.slack and not self._keeps_lines(filled):
            return None
        letter = self._join(head, filled)
        return None if self.may_begin_with_a_dot and b"\n." in letter else letter

    def join(self, head: bytes, values: Values) -> bytes:
        return self._join(head, [fill(values) for fill in self.fillers])

    def _join(self, head: bytes, filled: list[bytes]) -> bytes:
        pieces = self.pieces.copy()
        pieces[self.head_at] = head
        for place, value in self.places:
            pieces[place] = filled[value]
        for place, encode in self.encoded:
            pieces[place] = encode(filled)
        return b"".join(pieces)

    def _keeps_lines(self, filled: list[bytes]) -> bool:
        return all(
            fixed + sum(len(filled[index]) for index in indexes) <= encoding.MAX_LINE
            for fixed, indexes in self.open_lines
        )

    def add(self, piece: bytes | Slot) -> None:
        if isinstance(piece, Slot):
            self.places.append((len(self.pieces), self._index(piece)))
        self.pieces.append(b"" if isinstance(piece, Slot) else piece)

    def add_body(self, body: Body, transfer: Transfer, tail: bytes) -> None:
        if transfer == "base64":
            self._add_base64(body)
            self.pieces.append(tail.removeprefix(b"\r\n"))
            return
        for piece in body.pieces(quoted=transfer == "quoted-printable"):
            self.add(piece)
        self.pieces.append(tail)
        if transfer == "8bit":
            self.watch(body)

    def _add_base64(self, body: Body) -> None:
        """The line end that closes the text is part of it, as the standard library has it."""
        pieces = [*body.pieces(quoted=False), b"\r\n"]
        parts = [self._index(piece) if isinstance(piece, Slot) else piece for piece in pieces]
        self.encoded.append((len(self.pieces), base64_body.encoder(parts)))
        self.pieces.append(b"")

    def watch(self, body: Body) -> None:
        """Remember which lines of an 8-bit body a value may break."""
        fixed, indexes = 0, []
        for piece in [*body.pieces(quoted=False), b"\r\n"]:
            if isinstance(piece, Slot):
                self.may_begin_with_a_dot |= fixed == 0
                indexes.append(self._index(piece))
                continue
            first, *others = piece.split(b"\r\n")
            fixed += len(first)
            if others:
                self._close_line(fixed, indexes)
                fixed, indexes = len(others[-1]), []

    def _close_line(self, fixed: int, indexes: list[int]) -> None:
        if indexes:
            self.open_lines.append((fixed, indexes))
            most = max(Counter(indexes).values())
            self.slack = min(self.slack, (encoding.MAX_LINE - fixed) // most)

    def _index(self, slot: Slot) -> int:
        if slot not in self._slots:
            self._slots[slot] = len(self.fillers)
            self.fillers.append(slot.filler())
        return self._slots[slot]


def build(headers: Mapping[str, Address | str], bodies: list[Body], *, in_7bit: bool) -> Template:
    """The letter serialised by the standard library and cut: one text, or several as alternatives."""
    transfers = [body.transfer(in_7bit=in_7bit) for body in bodies]
    mark = f"mark{secrets.token_hex(8)}"  # nobody can have written it
    start, head, *tails = _serialised(headers, bodies, transfers, mark).split(mark.encode())
    template = Template(head_at=1)
    template.pieces = [start.removesuffix(b"X-Client: "), b"", head.removeprefix(b"\r\n")]
    for body, transfer, tail in zip(bodies, transfers, tails, strict=True):
        template.add_body(body, transfer, tail)
    return template


def _serialised(
    headers: Mapping[str, Address | str], bodies: list[Body], transfers: list[Transfer], mark: str
) -> bytes:
    message = EmailMessage(policy=SMTP)
    for name, value in headers.items():
        message[name] = value
    message["X-Client"] = mark  # stands for all headers of the head
    for number, body in enumerate(bodies):
        put = message.add_alternative if number else message.set_content
        put(mark, subtype="html" if body.as_html else "plain", cte="8bit")
    for part, transfer in zip(message.iter_parts() if len(bodies) > 1 else [message], transfers, strict=True):
        part.replace_header("Content-Transfer-Encoding", transfer)  # the library would encode the mark
    return message.as_bytes()
