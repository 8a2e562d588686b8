"""The one refusal of this room."""

from __future__ import annotations

from mailing.errors import Refused


class Unreadable(Refused):
    """The file cannot be read as a table; the sentence says what to do. Nothing was changed."""
