"""The tick: what should have happened and did not is put right (rule 3 of the calendar); `findings` says what.

Independent of django-q's scheduler, idempotent, safe on every machine at once. One mailing's trouble never stops the
others.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from django.utils import timezone

from mailing import scheduling
from mailing.models import Attempt
from mailing.services import runs
from mailing.services.access import audit_log, sessions, trail, undos
from mailing.services.clients import imports
from mailing.services.operations import findings, staff_notices
from mailing.services.operations.findings import Finding

logger = logging.getLogger(__name__)

SECONDS = 20.0  # a pass ends after that; what is left is found again by the next


@dataclass
class TickReport:
    """What one tick did: findings by kind, runs started, and what could not be put right."""

    findings: Counter[str] = field(default_factory=Counter)
    started: int = 0
    told: int = 0
    purged: int = 0
    troubled: list[str] = field(default_factory=list)
    unfinished: bool = False  # so much was due that the pass ended before all was seen

    def __str__(self) -> str:
        parts = [f"{kind}: {count}" for kind, count in self.findings.items()]
        parts += [f"{name}: {value}" for name in ("started", "told", "purged") if (value := getattr(self, name))]
        return ", ".join(parts) or "nothing to do"


def tick(now: datetime | None = None, *, purge: bool = True, seconds: float = SECONDS) -> TickReport:
    """One pass: decides and queues, sends nothing itself. With nothing due it costs a dozen queries."""
    moment = now or timezone.now()
    report, enough = TickReport(), time.monotonic() + seconds
    for finding in findings.find(moment):
        report.findings[finding.kind] += 1
        _fix(finding, report)
        if time.monotonic() > enough:
            report.unfinished = True
            break
    _attempt(report, "told", partial(staff_notices.collect, moment))
    _attempt(report, "told", partial(staff_notices.watch_waiting, moment))
    _attempt(report, "told", partial(staff_notices.wake, moment))
    if purge:
        for clean in (
            runs.purge,
            scheduling.purge_failures,
            imports.purge_uploads,
            staff_notices.purge,
            audit_log.purge,
            trail.purge,
            sessions.purge,
            undos.purge,
        ):
            _attempt(report, "purged", partial(clean, moment))
    return report


def park_broken(now: datetime) -> None:
    """Before each pass of django-q's scheduler: no due row may make it fail, whatever is wrong with its mailing."""
    for finding in findings.broken_rows(now):
        if not fix(finding):
            scheduling.park(finding.number, finding.detail)


def fix(finding: Finding) -> bool:
    """Puts one finding right; False (and a log line) when that is impossible: the others are not to wait for it."""
    return _fix(finding, TickReport())


def _fix(finding: Finding, report: TickReport) -> bool:
    try:
        result = finding.remedy()
    except Exception:  # of whatever kind: the other mailings must not wait for this one
        logger.exception("Not put right: %s", finding)
        report.troubled.append(str(finding))
        return False
    report.started += finding.kind in {"due", "unplanned"} and isinstance(result, Attempt)
    return True


def _attempt(report: TickReport, counter: str, step: Callable[[], Any]) -> None:
    try:
        setattr(report, counter, getattr(report, counter) + int(step() or 0))
    except Exception as error:  # as above: the steps do not wait for each other
        logger.exception("A step of the tick failed")
        report.troubled.append(str(error))
