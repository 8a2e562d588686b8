"""What somebody else wrote: bounded, cleaned, without our credentials."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailing.redaction import MAX_STORED, clean

SECRETS = ("mailer@example.com", "pässword-123")


@pytest.mark.parametrize(
    "words",
    [
        "what is pässword-123?",
        "what is " + base64.b64encode("pässword-123".encode()).decode(),
        "what is " + base64.b64encode("\0mailer@example.com\0pässword-123".encode()).decode(),
        "what is " + base64.b64encode("x\0mailer@example.com\0pässword-123".encode()).decode(),
        "what is " + base64.b64encode("xx\0mailer@example.com\0pässword-123".encode()).decode(),
        "two\nlines pässword-123\r\nthree",
        "p\0ä\0ssword-123",
    ],
)
def test_our_own_credentials_are_blanked_in_every_form(words: str) -> None:
    """Rule 11 of a run."""
    cleaned = clean(words, SECRETS)
    assert "***" in cleaned
    assert "ssword" not in cleaned
    for shift in range(3):
        core = base64.b64encode(b"\0" * shift + "pässword-123".encode())[4:-4].decode()
        assert core not in cleaned


def test_words_without_credentials_stay_as_they_are() -> None:
    assert clean("550 5.1.1 <a@b.ru>: нет такого", SECRETS) == "550 5.1.1 <a@b.ru>: нет такого"
    assert clean("", ("",)) == ""
    assert clean("ab", ("a",)) == "ab"  # a secret of one letter would blank every word


@given(st.one_of(st.binary(max_size=3000), st.text(max_size=3000)), st.integers(1, 40))
def test_anything_becomes_bounded_text_without_controls(words: bytes | str, times: int) -> None:
    """Rule 11 of a run."""
    cleaned = clean(words * times)
    assert len(cleaned.encode()) <= MAX_STORED
    assert all(len(line.encode()) <= 2_000 for line in cleaned.split("\n"))
    assert len(cleaned.split("\n")) <= 100
    assert not any(char != "\n" and (char < " " or "\x7f" <= char <= "\x9f") for char in cleaned)
    assert clean(cleaned) == cleaned


def test_an_endless_reply_is_cut() -> None:
    assert len(clean("x" * 10_000_000)) == 2_000
    assert clean("line\n" * 1_000_000).count("\n") == 99
