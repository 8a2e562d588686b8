"""Who may send now, and how: one process per attempt, no faster than the rate, not while the service is troubled."""

from __future__ import annotations

from mailing.delivery.guards import chunking, circuit_breaker, lease, rate

__all__ = ["chunking", "circuit_breaker", "lease", "rate"]
