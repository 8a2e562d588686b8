"""The rate limit of the whole installation: a block of send times is reserved in the database.

One conditional UPDATE moves `MailService.next_send_at` on; whoever changed the row owns the times between. It holds
across workers and machines, and nothing here runs when no limit is set.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from django.core.exceptions import ImproperlyConfigured

from mailing.models.installation import CLOCKS_DIFFER, MailService

AHEAD = timedelta(seconds=1)  # claims never run ahead of the rate by more
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LIMIT = re.compile(r"(\d+)\s*/\s*([smhd])")


def interval(text: str) -> timedelta | None:
    """The time between two letters for "14/s", "600/m", "5000/h", "2000/d"; None for "" and "off"."""
    text = text.strip().lower()
    if text in {"", "off"}:
        return None
    found = _LIMIT.fullmatch(text)
    if found is None or int(found[1]) == 0:
        raise ImproperlyConfigured(
            f'MAILING_RATE_LIMIT={text}: give a number per second, minute, hour or day, such as "14/s" or "2000/d".'
        )
    return timedelta(seconds=UNITS[found[2]] / int(found[1]))


class Rate:
    """Send times for one slice."""

    def __init__(self, interval: timedelta) -> None:
        self.interval = interval
        self.ahead = max(1, int(AHEAD / interval))  # letters that may be claimed before their time
        self.free_at: datetime | None = None  # nothing can be reserved before

    def reserve(self, want: int, now: datetime) -> list[datetime]:
        """Up to `want` send times within the next second, ours alone. None free: empty, and `free_at` says when."""
        MailService.objects.get_or_create(pk=1)
        while True:
            row = MailService.objects.filter(pk=1)
            taken = row.values_list("next_send_at", flat=True).get()
            first = max(taken or now, now)
            if first - now > 2 * AHEAD + self.interval + CLOCKS_DIFFER:
                first = now  # reserved by a clock that ran ahead
            if first - now > AHEAD:
                self.free_at = first - AHEAD
                return []
            count = min(want, self.ahead, 1 + int((now + AHEAD - first) / self.interval))
            if row.filter(next_send_at=taken).update(next_send_at=first + count * self.interval):
                self.free_at = None
                return [first + n * self.interval for n in range(count)]
