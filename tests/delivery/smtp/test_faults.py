"""Every fault at every phase, once with and once without PIPELINING: who gets what, and that nobody else does.

Five letters go over one line; the server misbehaves once, at the third letter (or at the first connection). All
scenarios run side by side in one event loop, and each row of the table is then a test of its own.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest

from mailing.delivery.smtp.connect import SmtpTransport
from mailing.delivery.transport import End, Ending
from mailing.replies import Trouble, Verdict
from tests.delivery.carrying import Queue, deliver, letters, options
from tests.smtp.script import Fault
from tests.smtp.server import AUTHORITY, EVERYTHING, PLAIN, Server

SENT, FAILED, DEFERRED, UNCONFIRMED = Verdict.SENT, Verdict.FAILED, Verdict.DEFERRED, Verdict.UNCONFIRMED
SERVICE, CONFIGURATION, MESSAGE = Verdict.SERVICE, Verdict.CONFIGURATION, Verdict.MESSAGE
LOST, TIMEOUT, GARBAGE = Trouble.LOST, Trouble.TIMEOUT, Trouble.GARBAGE
NO_EHLO = (500, 502, 504)
VICTIM, NEXT = "c2@example.com", "c3@example.com"

# What a fault looks like from our side; None: all is well.
SEEN: dict[str, Trouble | None] = {
    "drop": LOST,
    "reset": LOST,
    "hang": TIMEOUT,
    "trickle": TIMEOUT,
    "garbage": GARBAGE,
    "overlong": GARBAGE,
    "endless": GARBAGE,
    "mixed": GARBAGE,
    "lf": GARBAGE,
    "wrong": GARBAGE,
    "several": None,
    "delay": None,
}
AT_BODY = ("drop", "reset", "hang", "garbage")


@dataclass(frozen=True)
class Row:
    """`victim`: the verdict of the third letter. `service`: how a line ended in trouble (nobody is marked for it)."""

    phase: str
    kind: str
    victim: Verdict = SENT
    service: Verdict | None = None
    trouble: Trouble | None = None  # in the outcome
    next: Verdict = SENT  # of the fourth letter
    accepted: bool = False  # by the server, although the victim's verdict is another
    only: bool | None = None  # with (True) or without (False) PIPELINING

    def __str__(self) -> str:
        return f"{self.phase}-{self.kind[:3] if self.kind[0].isdigit() else self.kind}-{self.victim.value}"


def before_letters(phase: str) -> list[Row]:
    spoilt = [Row(phase, kind, service=SERVICE if seen else None, trouble=seen) for kind, seen in SEEN.items()]
    return [
        *spoilt,
        Row(phase, "extra", service=SERVICE, trouble=GARBAGE),
        Row(phase, "421 4.3.2 closing", service=SERVICE),
        Row(phase, "451 4.3.0 not now", service=SERVICE),
        Row(phase, "554 5.7.1 not you", service=CONFIGURATION),
    ]


def before_the_dot(phase: str) -> list[Row]:
    return [
        *(Row(phase, k, victim=DEFERRED if seen else SENT, trouble=seen) for k, seen in SEEN.items()),
        Row(phase, "extra", victim=DEFERRED, trouble=GARBAGE),
        Row(phase, "421 4.3.2 closing", service=SERVICE),
        Row(phase, "451 4.7.1 greylisted", victim=DEFERRED),
        Row(phase, "550 5.2.2 full", victim=FAILED),
    ]


ROWS = [
    *before_letters("connect"),
    *before_letters("ehlo"),
    *(Row("ehlo", f"{code} 5.5.1 what?") for code in NO_EHLO),
    *before_letters("helo"),
    Row("helo", "502 5.5.1 what?", service=CONFIGURATION),
    *before_letters("starttls"),
    *before_letters("auth"),
    Row("auth", "535 5.7.8 wrong password", service=CONFIGURATION),
    *(Row("mail", kind, service=SERVICE if seen else None, trouble=seen) for kind, seen in SEEN.items()),
    # The extra reply is taken for RCPT's, RCPT's for DATA's: there it cannot stand.
    Row("mail", "extra", victim=DEFERRED, trouble=GARBAGE, only=True),
    Row("mail", "extra", service=SERVICE, trouble=GARBAGE, only=False),
    Row("mail", "421 4.3.2 closing", service=SERVICE),
    Row("mail", "451 4.3.0 not now", service=SERVICE),
    Row("mail", "550 5.7.1 not you", service=CONFIGURATION),
    Row("mail", "552 5.3.4 too big", victim=MESSAGE),
    *before_the_dot("rcpt"),
    Row("rcpt", "550 5.1.1 no such user", victim=FAILED),
    Row("rcpt", "550 no", victim=FAILED),
    *before_the_dot("data"),
    Row("data", "552 too much", victim=MESSAGE),
    *(Row("body", kind, victim=UNCONFIRMED, trouble=SEEN[kind], accepted=kind == "garbage") for kind in AT_BODY),
    Row("body", "421 4.3.2 closing", service=SERVICE),
    Row("body", "451 4.3.0 no space left", victim=DEFERRED),
    *(
        Row("dot", kind, victim=UNCONFIRMED if seen else SENT, trouble=seen, accepted=bool(seen))
        for kind, seen in SEEN.items()
    ),
    # With PIPELINING the extra reply is taken for the answer to the next letter's MAIL: it shows at its DATA.
    Row("dot", "extra", next=DEFERRED, only=True),
    Row("dot", "extra", only=False),
    Row("dot", "421 4.3.2 closing", service=SERVICE),
    Row("dot", "451 4.3.0 not now", victim=DEFERRED),
    Row("dot", "550 5.1.1 no such user", victim=FAILED),
    Row("dot", "552 too big", victim=MESSAGE),
    # RSET follows the refusal at DATA; whatever becomes of it, the next letter waits for a line that is in order.
    *(Row("rset", kind, victim=DEFERRED) for kind in SEEN),
    Row("rset", "extra", victim=DEFERRED, next=DEFERRED, only=True),
    Row("rset", "extra", victim=DEFERRED, only=False),
    Row("rset", "421 4.3.2 closing", victim=DEFERRED),
    Row("rset", "451 4.3.0 not now", victim=DEFERRED),
    Row("rset", "550 no", victim=DEFERRED),
    *(Row("quit", kind) for kind in [*SEEN, "extra", "421 bye", "451 stay", "550 no"]),
]
SCENARIOS = [(row, piped) for row in ROWS for piped in (True, False) if row.only in {None, piped}]


@dataclass
class Result:
    queue: Queue
    endings: list[Ending]
    accepted: Counter[str]
    transcripts: list[list[str]]


@pytest.fixture(scope="module")
def results() -> dict[tuple[Row, bool], Result]:
    return asyncio.run(play_all())


async def play_all() -> dict[tuple[Row, bool], Result]:
    at_once = asyncio.Semaphore(50)

    async def play_one(row: Row, pipelining: bool) -> Result:
        async with at_once:
            return await play(row, pipelining)

    played = await asyncio.gather(*(play_one(*scenario) for scenario in SCENARIOS))
    return dict(zip(SCENARIOS, played, strict=True))


async def play(row: Row, pipelining: bool) -> Result:
    named = row.phase in {"rcpt", "data", "body", "dot"}
    faults = [Fault(row.phase, row.kind, to=VICTIM if named else "", skip=2 if row.phase == "mail" else 0)]
    if row.phase == "helo":
        faults.append(Fault("ehlo", "502 5.5.1 what?", times=0))
    if row.phase == "rset":
        faults.append(Fault("data", "451 4.3.0 not now", to=VICTIM))
    offers, more = EVERYTHING if pipelining else PLAIN, SETTINGS.get(row.phase, {})
    async with Server(*faults, offers=offers, **more.get("server", {})) as server:
        transport = SmtpTransport(options(server.port, **PATIENT, **more.get("options", {})))
        queue = Queue(letters(5))
        endings = await deliver(transport, queue)
        return Result(queue, endings, server.recipients, server.transcripts)


# Only a server that hangs uses them up; a busy machine must not look like one.
PATIENT = {"connect_timeout": 10.0, "reply_timeout": 2.0, "dot_timeout": 2.0, "letter_budget": 10.0}
SETTINGS: dict[str, dict[str, Any]] = {
    "starttls": {"server": {"certificate": "localhost"}, "options": {"security": "starttls"}},
    "auth": {"server": {"user": ("me", "secret")}, "options": {"user": "me", "password": "secret"}},
}


@pytest.fixture(autouse=True, scope="module")
def _trust_the_test_authority(monkeypatch_module: pytest.MonkeyPatch) -> None:
    monkeypatch_module.setenv("SSL_CERT_FILE", str(AUTHORITY))


@pytest.fixture(scope="module")
def monkeypatch_module() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.mark.parametrize(
    ("row", "pipelining"), SCENARIOS, ids=[f"{row}-{'piped' if piped else 'plain'}" for row, piped in SCENARIOS]
)
def test_each_fault_hurts_only_whom_it_must(
    results: dict[tuple[Row, bool], Result], row: Row, pipelining: bool
) -> None:
    """Rules 5 and 6 of a run."""
    result = results[row, pipelining]
    expected = {letter.to: SENT for letter in letters(5)} | {VICTIM: row.victim, NEXT: row.next}

    assert result.queue.verdicts == expected
    assert_the_log_agrees(row, result, expected)
    assert_the_trouble_is_told(row, result)


def assert_the_log_agrees(row: Row, result: Result, expected: dict[str, Verdict]) -> None:
    """Nobody twice, nobody shown sent who was not, nobody accepted who is shown refused."""
    taken = {to for to, verdict in expected.items() if verdict is SENT}
    if row.accepted:
        taken.add(VICTIM)
    assert result.accepted == Counter(taken)


def assert_the_trouble_is_told(row: Row, result: Result) -> None:
    troubles = [ending.outcome.verdict for ending in result.endings if ending.end is End.TROUBLE and ending.outcome]
    assert troubles == ([row.service] if row.service else [])
    told = [ending.outcome for ending in result.endings if ending.outcome is not None]
    if row.trouble is not None:
        assert [outcome.trouble for outcome in told] == [row.trouble]
