"""The encodings of a text, read back by the standard library."""

from __future__ import annotations

import base64
import quopri
from typing import NamedTuple

from hypothesis import example, given
from hypothesis import strategies as st

from mailing.delivery.letters import base64_body, encoding


class Text(NamedTuple):
    """Constants and values as they alternate in a letter."""

    parts: list[bytes]
    is_value: list[bool]

    @property
    def given(self) -> tuple[list[base64_body.Part], list[bytes]]:
        """The parts with an index in the place of each value, and the values."""
        values = [part for part, value in zip(self.parts, self.is_value, strict=True) if value]
        numbers = iter(range(len(values)))
        kinds = zip(self.parts, self.is_value, strict=True)
        return [next(numbers) if value else part for part, value in kinds], values


pieces = st.one_of(st.binary(max_size=8), st.binary(min_size=100, max_size=400))
texts = st.lists(st.tuples(pieces, st.booleans()), max_size=8).map(
    lambda found: Text([part for part, _value in found], [value for _part, value in found])
)


@given(text=texts)
@example(text=Text([], []))
@example(text=Text([b""], [True]))
@example(text=Text([b"x" * 500], [False]))
@example(text=Text([b"x", b"y" * 113, b"z", b"y" * 114], [True, False, True, False]))
def test_base64_reads_as_the_text_in_lines_of_76(text: Text) -> None:
    parts, values = text.given

    body = base64_body.encoder(parts)(values)

    assert base64.b64decode(body, validate=False) == b"".join(text.parts)
    lines = body.split(b"\r\n")
    assert lines.pop() == b""
    assert all((len(line) % 4 == 0 and 0 < len(line) <= 76) or not line for line in lines)
    assert not any(b"=" in line for line in lines[:-1])  # a reader may stop at the first padding


@given(before=st.binary(min_size=120, max_size=130), behind=st.binary(min_size=120, max_size=130), data=st.data())
def test_one_letter_costs_no_other_its_bytes(before: bytes, behind: bytes, data: st.DataObject) -> None:
    encode = base64_body.encoder([before, 0, behind])
    for value in data.draw(st.lists(st.binary(max_size=70), max_size=5)):
        assert base64.b64decode(encode([value])) == before + value + behind


@given(data=st.one_of(st.binary(max_size=300), st.text(".= абв\n", max_size=300).map(str.encode)))
@example(data="ы".encode() * 100)
@example(data=b"." * 300)
@example(data=b"x " * 40)
def test_quoted_printable_reads_as_the_text_in_lines_of_76(data: bytes) -> None:
    text = data.replace(b"\r", b"").replace(b"\n", b"\r\n")

    quoted = encoding.quoted_printable(text)

    assert quopri.decodestring(quoted) == text
    assert all(
        len(line) <= 76 and not line.startswith(b".") and not line.endswith(b" ") for line in quoted.split(b"\r\n")
    )


@given(data=st.one_of(st.binary(max_size=2000), st.text("ab абв.", max_size=2000).map(str.encode)))
def test_the_shorter_encoding_is_known_before_it_is_made(data: bytes) -> None:
    made = len(base64_body.encoder([data])([]))
    assert abs(base64_body.length(data) - made) <= 78
