"""What keeps the installation going: the tick that puts things right, its health, and what staff are told."""

from __future__ import annotations

from mailing.services.operations import findings, health, reconciler, staff_notices

__all__ = ["findings", "health", "reconciler", "staff_notices"]
