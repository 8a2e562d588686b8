from __future__ import annotations

import pytest

from mailing.replies import Phase, Reply, classify
from mailing.reply_help import explain


@pytest.mark.parametrize(
    ("response", "says"),
    [
        ("550 5.1.1 no such user", "The mailbox does not exist"),
        ("550 no", "The mailbox does not exist"),
        ("552 5.2.2 full", "The mailbox is full"),
        ("452 4.2.2 full", "The mailbox is full"),
        ("554 5.7.1 spam", "The server refuses by its own rules"),
        ("554 no", "The server refused the letter for good"),
        ("550 5.1.8 sender", "The server does not like the sender"),
        ("550 5.1.2 no such domain", "The domain of this address"),
        ("451 4.7.1 greylisted", "The server asks to wait"),
        ("421 closing", "The server closes the line"),
        ("535 5.7.8 bad", "The server did not accept the user name or password"),
        ("552 5.3.4 big", "The letter is too big"),
        ("552 big", "The letter is too big"),
        ("554 5.6.0 header", "The server did not like the content"),
        ("250 ok", "The server accepted"),
    ],
)
def test_a_sentence_stands_above_the_servers_words(response: str, says: str) -> None:
    assert str(explain(int(response[:3]), response)).startswith(says)


def test_without_a_reply_there_is_nothing_to_explain() -> None:
    assert explain(None) == ""


def test_no_refusal_is_shown_without_a_sentence() -> None:
    for phase in Phase:
        for code in range(400, 600):
            outcome = classify(phase, Reply.of(code, "5.9.9 strange"))
            assert explain(outcome.code, outcome.response)
