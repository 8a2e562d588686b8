"""The one refusal of this room."""

from __future__ import annotations

from django.utils.translation import gettext

from mailing.errors import Refused


class Unreadable(Refused):
    """The file cannot be read as a table; the sentence says what to do. Nothing was changed.

    A list among the `params` is printed as quoted words, by the rules of the reader's language. All params are made
    of what JSON can say: the sentence may come from a child process.
    """

    def __str__(self) -> str:
        sentence = gettext(self.message)
        shown = {name: _quoted(value) if isinstance(value, list) else value for name, value in self.params.items()}
        return sentence % shown if shown else sentence


def _quoted(words: list[str]) -> str:
    return ", ".join(gettext("“%(words)s”") % {"words": word} for word in words)
