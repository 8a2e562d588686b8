"""What belongs to no row of ours: overview and first steps, guide, finding anything, undoing, the queue."""

from __future__ import annotations

from mailing.admin.site import finding, first_steps, guide, overview, queue, undoing

__all__ = ["finding", "first_steps", "guide", "overview", "queue", "undoing"]
