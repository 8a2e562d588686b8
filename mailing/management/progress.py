"""A line of progress on a terminal; silent where nobody looks."""

from __future__ import annotations

import time
from typing import TextIO

from mailing.services.runs import Progress

WIDTH = 30
EVERY = 0.2  # seconds


class Bar:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown = False
        self._next = 0.0
        self._begun = time.monotonic()
        self._before: int | None = None  # done when we began

    def show(self, progress: Progress) -> None:
        now = time.monotonic()
        if self._before is None:
            self._before = progress.done
        if now < self._next or not self._stream.isatty():
            return
        self._next, self._shown = now + EVERY, True
        done, audience = progress.done, max(1, progress.audience)
        filled = WIDTH * done // audience
        rate = (done - self._before) / max(0.001, now - self._begun)
        bar = "█" * filled + "·" * (WIDTH - filled)
        self._stream.write(f"\r{bar} {done}/{progress.audience} {100 * done // audience} % {rate:.0f}/s \x1b[K")
        self._stream.flush()

    def close(self) -> None:
        if self._shown:
            self._stream.write("\n")
            self._stream.flush()
