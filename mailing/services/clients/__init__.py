"""Clients and the stop list: how they come in by files, who is never written to, and how one is forgotten.

`merge` stays inside: what a file changes, row by row. Its words for that are told here. So does `sweep`: where
somebody may be told of. `persons` says who somebody was, `disclosure` what is known of them, `erasure` ends it.
`undoing` takes back what somebody has just done, whatever it was.
"""

from __future__ import annotations

from mailing.services.clients import bulk_suppression, disclosure, erasure, imports, persons, suppression, undoing
from mailing.services.clients.merge import Merged, MergeReport, RowProblem

__all__ = [
    "MergeReport",
    "Merged",
    "RowProblem",
    "bulk_suppression",
    "disclosure",
    "erasure",
    "imports",
    "persons",
    "suppression",
    "undoing",
]
