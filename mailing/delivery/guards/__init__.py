"""Who may send now, and how: one process per attempt, no faster than the rate and on no more lines than the server
likes, not while the mail service is in trouble."""

from __future__ import annotations

from mailing.delivery.guards import allowance, chunking, circuit_breaker, lease, rate

__all__ = ["allowance", "chunking", "circuit_breaker", "lease", "rate"]
