"""What an answer of the server means for the letter, or for the connection, it belongs to."""

from __future__ import annotations

from mailing import replies
from mailing.delivery.smtp.reply_parser import Answer
from mailing.replies import Phase, Reply


def judge(secrets: tuple[str, ...], phase: Phase, answer: Answer) -> replies.Outcome:
    """The outcome of a reply, with our credentials blanked."""
    text = answer.text.decode("utf-8", "replace")
    if phase is Phase.DOT and answer.code == 250:
        return replies.accepted(text, secrets)
    return replies.classify(phase, Reply.of(answer.code, text), secrets=secrets)
