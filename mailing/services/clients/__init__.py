"""Clients and the stop list: how they come in by files, who is never written to, and how one is forgotten.

`merge` stays inside: what a file changes, row by row. Its words for that are told here.
"""

from __future__ import annotations

from mailing.services.clients import bulk_suppression, erasure, imports, suppression
from mailing.services.clients.merge import Merged, MergeReport, RowProblem

__all__ = ["MergeReport", "Merged", "RowProblem", "bulk_suppression", "erasure", "imports", "suppression"]
