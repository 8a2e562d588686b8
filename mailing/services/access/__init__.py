"""Who may do what: groups and their rights, who reaches which account, whether this installation may write at all; the
log of what was done, the log of who came in, and how often somebody may guess."""

from __future__ import annotations

from mailing.services.access import (
    accounts,
    audit_log,
    groups,
    limits,
    origins,
    permissions,
    rights_watch,
    sessions,
    site_guard,
    trail,
)

__all__ = [
    "accounts",
    "audit_log",
    "groups",
    "limits",
    "origins",
    "permissions",
    "rights_watch",
    "sessions",
    "site_guard",
    "trail",
]
