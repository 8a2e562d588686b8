from __future__ import annotations

import pytest

from mailing.choices import DeliveryReason as R
from mailing.explanations import explain
from mailing.replies import Phase, Reply, classify


@pytest.mark.parametrize(
    ("code", "response", "reason", "says"),
    [
        (550, "550 5.1.1 no such user", R.NO_SUCH_MAILBOX, "The mailbox does not exist"),
        (550, "550 no", R.REFUSED, "The mailbox does not exist"),
        (552, "552 5.2.2 full", R.REFUSED, "The mailbox is full"),
        (554, "554 5.7.1 spam", R.REFUSED, "The server refuses by its own rules"),
        (554, "554 no", R.REFUSED, "The server refused the letter for good"),
        (550, "550 5.1.8 sender", R.REFUSED, "The server does not like the sender"),
        (451, "451 4.7.1 greylisted", "", "The server asks to wait"),
        (451, "451 4.7.1 greylisted", R.TRIES_USED_UP, "The server asked to wait each time"),
        (421, "421 closing", "", "The server closes the line"),
        (535, "535 5.7.8 bad", R.CONFIGURATION, "The server did not accept the user name or password"),
        (550, "550 go away", R.CONFIGURATION, "The server takes no letters from this sender"),
        (552, "552 5.3.4 big", R.MESSAGE, "The letter is too big"),
        (554, "554 5.6.0 header", R.MESSAGE, "The server refused the message itself"),
        (None, "", R.LINE_LOST, "Whether the server took the letter is not known"),
        (None, "gibberish", R.UNINTELLIGIBLE, "Whether the server took the letter is not known"),
        (None, "", R.WORKER_DIED, "The sending was interrupted"),
        (250, "250 ok", "", "The server accepted"),
        (None, "", "", ""),
    ],
)
def test_a_sentence_stands_above_the_servers_words(code: int | None, response: str, reason: str, says: str) -> None:
    assert str(explain(code, response, reason)).startswith(says)


@pytest.mark.parametrize("reason", R)
def test_every_reason_has_a_sentence(reason: R) -> None:
    assert explain(550, "550 no", reason)


def test_no_refusal_is_shown_without_a_sentence() -> None:
    for phase in Phase:
        for code in range(400, 600):
            outcome = classify(phase, Reply.of(code, "5.9.9 strange"))
            assert explain(outcome.code, outcome.response, outcome.reason or "")
