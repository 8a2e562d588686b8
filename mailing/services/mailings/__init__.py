"""Mailings and their calendar.

`lifecycle` is every change of a mailing, the starting of runs included (`start`, which stays inside).
`occurrences` says what is due, `timetable` lays out the days of the calendar, `recipients` puts clients in and takes
them out, `audiences` says how each of them stands, `forecast` what the next run will be like; `copies` make a second
one, `undoing` takes a pause or a removal back. `schedule_state` keeps the columns of the clock together with the
Schedule row. `missed`, what did not run and why, stays inside.
"""

from __future__ import annotations

__all__ = [
    "audiences",
    "copies",
    "forecast",
    "lifecycle",
    "occurrences",
    "recipients",
    "schedule_state",
    "timetable",
    "undoing",
]
