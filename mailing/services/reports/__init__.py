"""Numbers for people: of lists and pages, of the first page, and as files."""

from __future__ import annotations

from mailing.services.reports import overview, statistics, tables

__all__ = ["overview", "statistics", "tables"]
