"""Rows without the letters in them: a message is one, an attempt keeps a whole one, and lists read hundreds of both.

What stands behind the bodies is left out, too: SQLite keeps long rows in a chain of pages, and goes through all of
the body to what comes after it.
"""

from __future__ import annotations

LETTER = ("html_body", "text_body", "reasons")  # of an attempt: for `defer`
ALL_BUT_THE_SUBJECT = ("body", "is_html", "text_body", "created_at", "updated_at")  # of a message


def attempt(path: str) -> list[str]:
    """What to defer of the attempt at the end of this path, and of its mailing's message."""
    return [*(f"{path}__{name}" for name in LETTER), *mailing(f"{path}__mailing")]


def mailing(path: str) -> list[str]:
    """What to defer of the message of the mailing at the end of this path: of it, the name is read only."""
    return message(f"{path}__message")


def message(path: str) -> list[str]:
    return [f"{path}__{name}" for name in ALL_BUT_THE_SUBJECT]
