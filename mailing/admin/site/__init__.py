"""What belongs to no row of ours: the overview on the first page, and the queue."""

from __future__ import annotations

from mailing.admin.site import overview, queue

__all__ = ["overview", "queue"]
