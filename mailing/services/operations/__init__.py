"""What keeps the installation going: the tick, its health and metrics, and what staff are told."""

from __future__ import annotations

from mailing.services.operations import findings, health, metrics, monitoring, reconciler, staff_notices

__all__ = ["findings", "health", "metrics", "monitoring", "reconciler", "staff_notices"]
