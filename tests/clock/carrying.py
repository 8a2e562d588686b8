"""Letters of the simulated time: each run that was started is sent at once, by the real service, in memory."""

from __future__ import annotations

from datetime import datetime

from mailing.models import Attempt
from mailing.services import lifecycle, sending


def carry(now: datetime) -> None:
    for pk, mailing_id in Attempt.objects.running().values_list("pk", "mailing_id"):
        sending.run_slice(pk, stop=lambda: False)
        lifecycle.settle(mailing_id, now)
