"""A letter cut at the places that differ from client to client, so that a client costs one join."""

from __future__ import annotations

import html
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

from mailing import placeholders
from mailing.delivery.letters import encoding
from mailing.placeholders import Field, Part, tidy

Values = Mapping[str, str]
Filler = Callable[[Values], bytes]


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
    """The serialised letter: `pieces` joined, with the head at `head_at` and the values at their `places`."""

    pieces: list[bytes] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)  # index in pieces, index in fillers
    fillers: list[Filler] = field(default_factory=list)
    open_lines: list[tuple[int, list[int]]] = field(default_factory=list)  # bytes without values, its fillers
    may_begin_with_a_dot: bool = False
    head_at: int = 0
    slack: int = encoding.MAX_LINE
    _slots: list[Slot] = field(default_factory=list)

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
            most = max(map(indexes.count, indexes))
            self.slack = min(self.slack, (encoding.MAX_LINE - fixed) // most)

    def _index(self, slot: Slot) -> int:
        if slot not in self._slots:
            self._slots.append(slot)
            self.fillers.append(slot.filler())
        return self._slots.index(slot)


def build(headers: Mapping[str, Address | str], bodies: list[Body], *, in_7bit: bool) -> Template:
    """The letter serialised by the standard library and cut: one text, or several as alternatives."""
    quoted = [in_7bit or not body.fits_8bit() for body in bodies]
    mark = f"mark{secrets.token_hex(8)}"  # nobody can have written it
    start, head, *tails = _serialised(headers, bodies, quoted, mark).split(mark.encode())
    template = Template(head_at=1)
    template.pieces = [start.removesuffix(b"X-Client: "), b"", head.removeprefix(b"\r\n")]
    for body, in_qp, tail in zip(bodies, quoted, tails, strict=True):
        for piece in body.pieces(quoted=in_qp):
            template.add(piece)
        template.add(tail)
        if not in_qp:
            template.watch(body)
    return template


def _serialised(headers: Mapping[str, Address | str], bodies: list[Body], quoted: list[bool], mark: str) -> bytes:
    message = EmailMessage(policy=SMTP)
    for name, value in headers.items():
        message[name] = value
    message["X-Client"] = mark  # stands for all headers of the head
    for number, (body, in_qp) in enumerate(zip(bodies, quoted, strict=True)):
        put = message.add_alternative if number else message.set_content
        put(
            mark,
            subtype="html" if body.as_html else "plain",
            cte="quoted-printable" if in_qp else "8bit",
        )
    return message.as_bytes()
