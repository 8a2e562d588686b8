"""Several letters on their way: every phase of a letter × every place among them × what the server does there.

Twelve letters go to a server that offers CHUNKING, eight at once; it misbehaves once, at the first, the second, one
in the middle or the last. What it accepted stands in its log, and that log is asked in each row.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

import pytest

from mailing.delivery.smtp.connect import SmtpTransport
from mailing.delivery.transport import End, Ending
from mailing.replies import Verdict
from tests.delivery.carrying import Queue, deliver, letters, options
from tests.smtp.script import Fault
from tests.smtp.server import CHUNKING, Server

SENT, FAILED, DEFERRED, UNCONFIRMED = Verdict.SENT, Verdict.FAILED, Verdict.DEFERRED, Verdict.UNCONFIRMED
LETTERS, AT_ONCE = 12, 8
PLACES = (0, 1, 6, 11)  # the first feels its way, the second leads the first group, the last has nobody behind it
PHASES = ("rset", "mail", "rcpt", "chunk")
LOST = ("drop", "reset", "hang", "trickle")
GARBAGE = ("garbage", "overlong", "endless", "mixed", "lf", "wrong")
WELL_MEANT = ("several", "delay")
REFUSALS = ("421 4.3.2 closing", "451 4.3.0 not now", "550 5.1.1 no such user", "503 5.5.1 bad sequence")
PATIENT = {"connect_timeout": 10.0, "reply_timeout": 2.0, "dot_timeout": 2.0, "letter_budget": 10.0}


@dataclass(frozen=True)
class Row:
    phase: str
    kind: str
    place: int

    def __str__(self) -> str:
        return f"{self.phase}-{self.kind[:3] if self.kind[0].isdigit() else self.kind}-{self.place}"

    @property
    def victim(self) -> Verdict:
        """What the letter at which the server misbehaves becomes in the end; what was given back is sent later."""
        if self.kind in REFUSALS:
            said = {"451": DEFERRED, "550": FAILED, "503": SENT if self.phase == "chunk" else FAILED}
            return said.get(self.kind[:3], SENT) if self.phase in {"rcpt", "chunk"} else SENT
        if self.kind in WELL_MEANT:
            return SENT
        if self.place == 0 and self.phase != "chunk":  # its chunk has not left
            return DEFERRED if self.phase == "rcpt" else SENT
        return UNCONFIRMED

    @property
    def is_blamed(self) -> bool:
        """The server is known afterwards as one that cannot do what it offers."""
        if self.kind in REFUSALS:
            at_chunk = self.phase == "chunk" and self.kind[:3] == "503"
            return at_chunk or (self.phase == "rset" and self.place == 0 and self.kind[:3] != "421")
        return self.place == 0 and self.phase == "chunk" and self.kind not in WELL_MEANT


ROWS = [
    Row(phase, kind, place)
    for phase in PHASES
    for kind in (*LOST, *GARBAGE, *WELL_MEANT, *REFUSALS)
    for place in PLACES
]


@dataclass
class Result:
    queue: Queue
    endings: list[Ending]
    accepted: Counter[str]


@pytest.fixture(scope="module")
def results() -> dict[Row, Result]:
    return asyncio.run(play_all())


async def play_all() -> dict[Row, Result]:
    at_once = asyncio.Semaphore(40)

    async def play_one(row: Row) -> Result:
        async with at_once:
            return await play(row)

    return dict(zip(ROWS, await asyncio.gather(*map(play_one, ROWS)), strict=True))


async def play(row: Row) -> Result:
    by_name = row.phase in {"rcpt", "chunk"}
    to = f"c{row.place}@" if by_name else ""
    fault = Fault(row.phase, row.kind, to=to, skip=0 if by_name else row.place)
    async with Server(fault, offers=CHUNKING) as server:
        queue = Queue(letters(LETTERS))
        endings = await deliver(SmtpTransport(options(server.port, pipeline=AT_ONCE, **PATIENT)), queue)
        return Result(queue, endings, server.recipients)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_each_fault_hurts_only_whom_it_must(results: dict[Row, Result], row: Row) -> None:
    """Rules 5 and 6 of a run."""
    result = results[row]
    verdicts = [result.queue.verdicts[letter.to] for letter in letters(LETTERS)]
    behind = verdicts[row.place + 1 :]
    doubted = behind.count(UNCONFIRMED)

    before = verdicts[: row.place]
    torn = before.count(UNCONFIRMED) if row.kind == "reset" else 0  # RST throws answers away that we had not read yet
    assert before == [SENT] * (row.place - torn) + [UNCONFIRMED] * torn
    assert verdicts[row.place] is row.victim
    assert behind == [UNCONFIRMED] * doubted + [SENT] * (len(behind) - doubted)
    assert doubted <= AT_ONCE - 1
    assert not doubted or row.victim is UNCONFIRMED
    assert any(ending.unfit for ending in result.endings) is row.is_blamed


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_log_of_the_server_agrees(results: dict[Row, Result], row: Row) -> None:
    """Nobody twice, nobody shown sent who was not, nobody accepted who is shown refused or goes back."""
    result = results[row]
    sent = {to for to, verdict in result.queue.verdicts.items() if verdict is SENT}
    in_doubt = {to for to, verdict in result.queue.verdicts.items() if verdict is UNCONFIRMED}

    assert max(result.accepted.values()) == 1
    assert sent <= set(result.accepted) <= sent | in_doubt


@pytest.mark.parametrize("row", [row for row in ROWS if row.kind in REFUSALS], ids=str)
def test_a_refusal_leaves_nobody_in_doubt(results: dict[Row, Result], row: Row) -> None:
    assert UNCONFIRMED not in results[row].queue.verdicts.values()


@pytest.mark.parametrize("row", [row for row in ROWS if row.kind[:3] == "421"], ids=str)
def test_goodbye_is_trouble_of_the_service(results: dict[Row, Result], row: Row) -> None:
    troubles = [ending.outcome for ending in results[row].endings if ending.end is End.TROUBLE]

    assert [outcome.verdict for outcome in troubles if outcome] == [Verdict.SERVICE]


class TestOneReplyTooMany:
    """All answers behind it are shifted by one: "accepted" would be said of a letter whose recipient was granted."""

    @pytest.mark.parametrize("place", PLACES)
    @pytest.mark.parametrize("phase", PHASES)
    def test_is_seen_before_anybody_is_shown_sent_who_was_not(self, phase: str, place: int) -> None:
        result = asyncio.run(play(Row(phase, "extra", place)))
        verdicts = result.queue.verdicts

        assert max(result.accepted.values()) == 1
        assert {to for to, verdict in verdicts.items() if verdict is SENT} <= set(result.accepted)
        assert not any(result.accepted[to] for to, verdict in verdicts.items() if verdict in {FAILED, DEFERRED})
