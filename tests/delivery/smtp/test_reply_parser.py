"""What is a reply (RFC 5321 4.2), what is none, and that neither can fill the memory."""

from __future__ import annotations

import pytest

from mailing.delivery.smtp.reply_parser import LINE_LIMIT, LINES_LIMIT, Answer, ReplyParser


@pytest.mark.parametrize(
    ("data", "answers"),
    [
        (b"250 ok\r\n", [Answer(250, b"ok")]),
        (b"250\r\n", [Answer(250, b"")]),
        (b"250 \r\n", [Answer(250, b"")]),
        (b"250-one\r\n250-two\r\n250 three\r\n", [Answer(250, b"one\ntwo\nthree")]),
        (b"250-one\r\n250\r\n", [Answer(250, b"one\n")]),
        (b"250 a\r\n354 b\r\n", [Answer(250, b"a"), Answer(354, b"b")]),
        ("550 нет такого\r\n".encode(), [Answer(550, "нет такого".encode())]),
    ],
)
def test_replies_are_read_whole_and_in_any_pieces(data: bytes, answers: list[Answer]) -> None:
    assert ReplyParser().feed(data) == answers
    bytewise = ReplyParser()
    assert [answer for byte in data for answer in bytewise.feed(bytes([byte]))] == answers
    assert not bytewise.unfinished


@pytest.mark.parametrize(
    "data",
    [
        b"hello\r\n",
        b"\r\n",
        b"25 ok\r\n",
        b"250_ok\r\n",
        b"250ok\r\n",
        b"2500 ok\r\n",
        b"150 ok\r\n",
        b"600 ok\r\n",
        b"290 ok\r\n",
        b" 250 ok\r\n",
        b"250 ok\n",
        b"250 ok\r more\r\n",
        b"250 nul\0\r\n",
        b"250-one\r\n251 two\r\n",
        b"250-one\r\n250_two\r\n",
        b"250-one\r\nhello\r\n",
        b"250 " + b"x" * LINE_LIMIT + b"\r\n",
        b"x" * (LINE_LIMIT + 1),
        b"250-more\r\n" * LINES_LIMIT,
    ],
)
def test_anything_else_breaks_the_parser_for_good(data: bytes) -> None:
    """Rule 11 of a run."""
    parser = ReplyParser()

    assert parser.feed(data) == []
    assert parser.broken is not None
    assert parser.feed(b"250 ok\r\n") == []


def test_the_replies_before_the_unintelligible_line_count() -> None:
    parser = ReplyParser()

    assert parser.feed(b"250 accepted\r\nwhat?\r\n250 more\r\n") == [Answer(250, b"accepted")]
    assert parser.broken == b"what?"


def test_a_known_line_inside_a_longer_reply_is_not_taken_for_a_reply() -> None:
    parser = ReplyParser()
    parser.feed(b"250 ok\r\n")

    assert parser.feed(b"250-first\r\n250 ok\r\n") == [Answer(250, b"first\nok")]


def test_a_hundred_lines_are_allowed() -> None:
    parser = ReplyParser()

    (answer,) = parser.feed(b"250-more\r\n" * (LINES_LIMIT - 1) + b"250 end\r\n")

    assert answer.text.count(b"\n") == LINES_LIMIT - 1
