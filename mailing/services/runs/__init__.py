"""Sending, as the rest of the house knows it: start a run, work on it, close it. The rooms behind are small.

`snapshots` begins runs, `slices` works on them, `leaving` and `closing` let go of them.
"""

from __future__ import annotations

from mailing.services.runs.creation import start, start_retry
from mailing.services.runs.release import SliceResult, SliceState
from mailing.services.runs.result import close, cut_short, is_worked_on, purge
from mailing.services.runs.slice import NO_LIMIT, Progress, compose_attempt, run_slice

__all__ = [
    "NO_LIMIT",
    "Progress",
    "SliceResult",
    "SliceState",
    "close",
    "compose_attempt",
    "cut_short",
    "is_worked_on",
    "purge",
    "run_slice",
    "start",
    "start_retry",
]
