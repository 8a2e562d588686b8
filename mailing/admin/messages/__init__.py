"""Messages, and how their letters are shown and tried out."""

from __future__ import annotations

from mailing.admin.messages import screen

__all__ = ["screen"]
