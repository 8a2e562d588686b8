"""Who may do what: groups and their rights, who reaches which account, whether this installation may write at all.

And what was done (`audit_log`) and may be taken back for a while (`undos`), who came in (`trail`), and how often
somebody may guess (`limits`).
"""

from __future__ import annotations

__all__ = [
    "accounts",
    "audit_log",
    "groups",
    "limits",
    "origins",
    "password_letters",
    "permissions",
    "rights_watch",
    "second_factor",
    "sessions",
    "site_guard",
    "trail",
    "undos",
]
