"""Mailings: the list, the form, and what can be done with one.

`screen` is the ModelAdmin. Its parts: `listing`, `change_page` around the form, `form` (with `latest_attempts` and
`plan_text`), `pages` of one mailing, `actions` for several, `filters`.
"""

from __future__ import annotations

from mailing.admin.mailings import screen

__all__ = ["screen"]
