"""Who may send now: one process per attempt, no faster than the rate and on no more lines than the server likes, not
while the mail service is in trouble."""

from __future__ import annotations

from mailing.delivery.guards import allowance, circuit_breaker, lease, rate

__all__ = ["allowance", "circuit_breaker", "lease", "rate"]
