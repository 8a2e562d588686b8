"""Mailings: the list, the form, and what can be done with one."""

from __future__ import annotations

from mailing.admin.mailings import screen

__all__ = ["screen"]
