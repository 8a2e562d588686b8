"""Screens of the back office. Each room registers its own when it is imported."""

from __future__ import annotations

from mailing.admin import attempts, clients, mailings, messages, site

__all__ = ["attempts", "clients", "mailings", "messages", "site"]
