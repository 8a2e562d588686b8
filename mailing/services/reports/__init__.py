"""Numbers for people: of lists and pages, of the first page, and as files; and the counters of monitoring."""

from __future__ import annotations

__all__ = ["overview", "periods", "run_totals", "spans", "statistics", "tables"]
