"""Clients, how they come in, and the stop list.

`screen` is the ModelAdmin of clients. Its parts: `listing`, `change_page` (the card of one client, with `known`, what
is known of them), `actions` for many, `filters`, `import_wizard` with `import_preview`; `resources` are the columns
of files. `suppressions` is the stop list, a screen of its own.
"""

from __future__ import annotations

from mailing.admin.clients import screen, suppressions

__all__ = ["screen", "suppressions"]
