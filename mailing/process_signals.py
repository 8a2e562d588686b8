"""What processes are told without the database: by signals, and by each other within one cluster.

The latter in shared memory without locks, made before the fork: an `Event` could be held for ever by a process that
died. Times are of the monotonic clock, which all processes of a machine share: a clock put back must not blind the
watchdog.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_context = multiprocessing.get_context("fork")
_stop = _context.RawValue("b", 0)
_seen = _context.RawValue("d", 0.0)
_slice_seen = _context.RawValue("d", 0.0)
_room_wanted = _context.RawValue("d", 0.0)


def request_stop() -> None:
    """The cluster is going down: slices end after the letters in flight."""
    _stop.value = 1


def stop_requested() -> bool:
    return bool(_stop.value)


def beat(*, in_slice: bool = False) -> None:
    """A worker is alive (and working on a slice)."""
    _seen.value = time.monotonic()
    if in_slice:
        _slice_seen.value = time.monotonic()


def last_beat() -> float:
    """When a worker gave its last sign of life, of `time.monotonic`."""
    return float(_seen.value)


def slice_running() -> bool:
    """Whether a slice gave a sign of life within the last three seconds."""
    return time.monotonic() - float(_slice_seen.value) < 3


def want_room() -> None:
    """Another attempt waits and no worker is free: slices at work give their place."""
    _room_wanted.value = time.monotonic()


def room_wanted_since(moment: float) -> bool:
    """Whether somebody has been waiting for a worker since `moment`."""
    return float(_room_wanted.value) > moment


def reset() -> None:
    """A cluster starts: nothing is asked for, and the workers have just been heard of."""
    _stop.value, _room_wanted.value, _slice_seen.value = 0, 0.0, 0.0
    _seen.value = time.monotonic()


@contextmanager
def caught(*signals: int) -> Iterator[list[int]]:
    """These signals end nothing while we are inside: the list holds the numbers of those that came."""
    came: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        came.append(number)

    before = {number: signal.signal(number, remember) for number in signals}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
