"""Clients, how they come in, and the stop list."""

from __future__ import annotations

from mailing.admin.clients import screen, suppressions

__all__ = ["screen", "suppressions"]
