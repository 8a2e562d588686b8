"""Runs, as the rest of the house knows them: started, worked on, closed.

`letters` makes a message ready, `creation` begins a run, `slice` works on it under a lease, `release` gives the lease
back; `waits` holds what an open run waits for, `result` ends it with `refusal_groups`, and `retention` forgets its
deliveries. `dry_run` and `trial_letters` try a message without a run, these within `trial_limit`.
"""

from __future__ import annotations

from mailing.services.runs import dry_run, letters, trial_letters, trial_limit
from mailing.services.runs.creation import sender, start, start_retry
from mailing.services.runs.refusal_groups import RefusalGroups
from mailing.services.runs.release import SliceResult, SliceState
from mailing.services.runs.result import close, cut_short, is_worked_on
from mailing.services.runs.retention import purge
from mailing.services.runs.slice import NO_LIMIT, Progress, compose_attempt, run_slice

__all__ = [
    "NO_LIMIT",
    "Progress",
    "RefusalGroups",
    "SliceResult",
    "SliceState",
    "close",
    "compose_attempt",
    "cut_short",
    "dry_run",
    "is_worked_on",
    "letters",
    "purge",
    "run_slice",
    "sender",
    "start",
    "start_retry",
    "trial_letters",
    "trial_limit",
]
