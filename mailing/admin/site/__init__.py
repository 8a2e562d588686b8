"""What belongs to no row of ours: the overview on the first page, finding anything, undoing, and the queue."""

from __future__ import annotations

from mailing.admin.site import finding, overview, queue, undoing

__all__ = ["finding", "overview", "queue", "undoing"]
