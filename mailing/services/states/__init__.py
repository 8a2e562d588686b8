"""One vocabulary of states: what a run or a mailing is doing, why, until when, and the one thing a person can do.

Lists, pages, the overview, the questions of actions, commands, exports and monitoring ask here, so that a thing has
one name wherever it is met. `signs` is what a state depends on beside its row: the clock, the workers, the gate;
`telling` puts the two together. Nothing here is stored.
"""

from __future__ import annotations

from mailing.services.states.signs import WITHOUT, Signs, Workers
from mailing.services.states.telling import Told, of_mailing, of_run, open_runs

__all__ = ["WITHOUT", "Signs", "Told", "Workers", "of_mailing", "of_run", "open_runs"]
