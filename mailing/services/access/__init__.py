"""Who may do what: groups and their rights, whether this installation may write at all, the log of what was done."""

from __future__ import annotations

from mailing.services.access import audit_log, groups, permissions, site_guard

__all__ = ["audit_log", "groups", "permissions", "site_guard"]
