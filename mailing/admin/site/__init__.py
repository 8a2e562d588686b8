"""What belongs to no row of ours: the overview on the first page with the first steps, the guide, and the queue."""

from __future__ import annotations

from mailing.admin.site import first_steps, guide, overview, queue

__all__ = ["first_steps", "guide", "overview", "queue"]
