"""Who may send now: one process per attempt, no faster than the rate, not while the mail service is in trouble."""

from __future__ import annotations

from mailing.delivery.guards import circuit_breaker, lease, rate

__all__ = ["circuit_breaker", "lease", "rate"]
