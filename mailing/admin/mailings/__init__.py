"""Mailings: the list, the form, and what can be done with one.

`screen` is the ModelAdmin. Its parts: `listing`, `filters` and `actions` for several; `tabs`, the head of the page of
one mailing, with a module for each tab; `form` with `plan_text`; `pages` that ask or do one thing.
"""

from __future__ import annotations

from mailing.admin.mailings import screen

__all__ = ["screen"]
