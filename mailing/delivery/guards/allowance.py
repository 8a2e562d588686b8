"""The allowance: how many connections the mail server lets us have, and how long we rest when it calls us too fast.

Fewer at once, one more after a while (AIMD, RFC 5681): a refused connection leaves those that are open, an answer
about speed halves them. Remembered in the row of `MailService`, so that the next slice does not begin with all of
them again (decision 0026).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from mailing.models.installation import CLOCKS_DIFFER, MailService

GROW = 10.0  # seconds without such an answer until one more is tried
LONGEST = 600.0  # … at most, where the server refuses the one more each time
REST = 1.0  # seconds in which no letter leaves after an answer about speed
LONGEST_REST = 16.0
IN_VAIN = 5  # letters with such answers and none accepted between: from then on it is trouble of the service
FORGET = timedelta(hours=1)


class Allowance:
    """Of one slice; belongs to its event loop. `of`: as many as the settings want."""

    def __init__(self, of: int, *, lines: int | None = None, patience: float = 0) -> None:
        self.of = of
        self.lines = of if lines is None else max(1, min(lines, of))
        self.patience = patience or GROW  # seconds until one more is tried
        self._tried = False  # one more, and nothing was said against it
        self._rest, self._accepted, self._in_vain = REST / 2, 0, 0

    @property
    def is_limited(self) -> bool:
        return self.lines < self.of

    @property
    def is_in_vain(self) -> bool:
        return self._in_vain >= IN_VAIN

    def full(self, lines: int) -> None:
        """One more than these `lines`, which work, was refused. Each time it is tried again later."""
        if self.is_limited or self._tried:
            self.patience = min(2 * self.patience, LONGEST)
        self._shrink(lines)

    def too_fast(self, lines: int, accepted: int, *, is_news: bool = True) -> float:
        """So many `lines` are too fast; so many letters were accepted until now. For how long to rest.

        `is_news`: not said of the same letter before, so that one recipient is no trouble of the service.
        """
        self._shrink(lines // 2)
        if accepted > self._accepted:
            self._rest, self._in_vain = max(REST, self._rest / 2), 0
        else:
            self._rest, self._in_vain = min(max(REST, 2 * self._rest), LONGEST_REST), self._in_vain + is_news
        self._accepted = accepted
        return self._rest

    def let_in(self, lines: int) -> None:
        """So many are open: whatever was said to others, they were let in."""
        self.lines = max(self.lines, min(lines, self.of))

    def grow(self) -> None:
        if self._tried:
            self.patience = max(GROW, self.patience / 2)
        self._tried = True
        self.lines = min(self.of, self.lines + 1)

    def _shrink(self, lines: int) -> None:
        self._tried = False
        self.lines = max(1, min(self.lines, lines))


# --- Remembered -------------------------------------------------------------------------------------


def recall(of: int, now: datetime) -> Allowance:
    """As the last slice left it, unless that is long ago."""
    row = MailService.load()
    if row.lines is None or row.lines_at is None or not now - FORGET < row.lines_at < now + CLOCKS_DIFFER:
        return Allowance(of)
    return Allowance(of, lines=row.lines, patience=row.lines_patience)


def remember(lines: int | None, patience: float, now: datetime) -> None:
    """`lines` None: as many as we want, again."""
    MailService.objects.update_or_create(
        pk=1, defaults={"lines": lines, "lines_at": now if lines else None, "lines_patience": round(patience)}
    )
