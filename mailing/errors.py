"""What may be refused, and what the catcher needs to know about it.

Every refusal carries one sentence for the person (translated when it is printed) that says what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING

from django.utils.translation import gettext, gettext_noop

from mailing import unchecked

if TYPE_CHECKING:
    from mailing.models import Attempt


class RefusalCode(Enum):
    """Why, for a catcher who does more than print the sentence."""

    PAUSED = "paused"
    NOT_BEGUN = "not_begun"
    ENDED = "ended"
    NOBODY = "nobody"  # no recipients
    DISABLED = "disabled"  # sending is switched off
    TOO_OFTEN = "too_often"  # not so soon again
    COPY = "copy"  # the data belong to another installation


class Refused(Exception):
    """A service declines a request; nothing was changed.

    `message` is an English msgid (mark it with gettext_noop), `params` fill its %(names)s: both are only printed.
    """

    def __init__(self, message: str, *, code: RefusalCode | None = None, **params: object) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.params = params

    def __str__(self) -> str:
        sentence = gettext(self.message)
        return sentence % self.params if self.params else sentence


class NotAllowed(Refused):
    """The person lacks a permission (the admin answers 403)."""


class NotUnderstood(Refused):
    """An address asks for something that nothing of ours would ask for; `pairs` are its parameters with their values.

    The admin answers 400; a list that is only looked at is shown without them and says so.
    """

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        # Marked here and not above: `gettext_noop` loads the settings, and this module is read before they are tried.
        message = gettext_noop("Not understood: %(what)s. Nothing was done; go back and choose again.")
        super().__init__(message, what=unchecked.shown(pairs))
        self.pairs = pairs


class NotStarted(Refused):
    """A run was not started: outside the window, paused, sending disabled, nothing due."""


class AlreadyRunning(NotStarted):
    """A run of this mailing is going on, or one has just been sent; `attempt` is that run."""

    def __init__(self, message: str, *, attempt: Attempt) -> None:
        super().__init__(message, attempt=attempt.pk)
        self.attempt = attempt


class LeaseLost(Exception):
    """Somebody else works on the attempt now: write nothing more."""


def lacks_tables(error: BaseException) -> bool:
    """Whether this error of the database means that `migrate` was not run: a table or a column is not there."""
    state = getattr(error.__cause__, "sqlstate", None)  # PostgreSQL: undefined_table, undefined_column
    return state in {"42P01", "42703"} or str(error).startswith(("no such table", "no such column"))  # SQLite
