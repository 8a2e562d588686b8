"""What an open run waits for, as the columns of its attempt hold it; `models.attempt_notes` puts it into words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings

from mailing.choices import WaitsFor
from mailing.replies import Outcome, Phase, Trouble, Verdict


@dataclass(frozen=True)
class Wait:
    """`since`: when the waiting for the mail service began. `params`: what the sentence names; ISO moments."""

    what: WaitsFor | None = None
    since: datetime | None = None
    params: Mapping[str, Any] = field(default_factory=dict)

    def columns(self) -> dict[str, Any]:
        """A run that waits has got over an interruption."""
        return {
            "waits_for": self.what or "",
            "waits_since": self.since,
            "note_params": self.params,
            "interrupted_after": None,
        }


NOTHING = Wait()


def until(what: WaitsFor, at: datetime) -> Wait:
    """For something whose time is known."""
    return Wait(what, params={"at": at.isoformat()})


def for_service(outcome: Outcome | None, at: datetime, since: datetime, sender: str) -> Wait:
    """Until the mail service is there again. No outcome: others found out."""
    params = {
        "at": at.isoformat(),
        "server": f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}",
        "seconds": f"{_limit(outcome):g}",
        "words": outcome.response[:200] if outcome else "",
        "sender": sender,
    }
    return Wait(_service(outcome) if outcome else WaitsFor.BREAKER_OPEN, since, params)


def _service(outcome: Outcome) -> WaitsFor:
    if outcome.verdict is Verdict.CONFIGURATION:
        return _setting(outcome)
    if outcome.sender_side:
        return WaitsFor.ALL_REFUSED
    if outcome.verdict is Verdict.UNCONFIRMED:
        return WaitsFor.VANISHING
    by_trouble = {
        Trouble.TIMEOUT: WaitsFor.TOO_SLOW,
        Trouble.GARBAGE: WaitsFor.UNINTELLIGIBLE,
        Trouble.LOST: WaitsFor.NO_ANSWER,
    }
    return by_trouble.get(outcome.trouble, WaitsFor.ASKED_TO_WAIT) if outcome.trouble else WaitsFor.ASKED_TO_WAIT


def _setting(outcome: Outcome) -> WaitsFor:
    if outcome.trouble is Trouble.CERTIFICATE:
        return WaitsFor.CERTIFICATE
    by_phase = {Phase.AUTH: WaitsFor.LOGIN, Phase.MAIL: WaitsFor.SENDER}
    return by_phase.get(outcome.phase or Phase.CONNECT, WaitsFor.SETTINGS)


def _limit(outcome: Outcome | None) -> float:
    connecting = outcome is not None and outcome.phase is Phase.CONNECT
    seconds: float = settings.SMTP_CONNECT_TIMEOUT if connecting else settings.SMTP_REPLY_TIMEOUT
    return seconds
