"""Postfix and Exim, several letters on their way: what their mailboxes hold is what was recorded."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from mailing.delivery.smtp.connect import SmtpTransport
from mailing.delivery.smtp.dialogue import PIECE
from mailing.delivery.transport import End, Ending, Letter
from mailing.replies import Verdict
from tests.delivery.carrying import Queue, deliver, letter, options
from tests.smtp import real
from tests.smtp.real import RealServer

SERVERS: dict[str, Callable[[], AbstractContextManager[RealServer]]] = {"postfix": real.postfix, "exim": real.exim}
PATIENT = {"connect_timeout": 30.0, "reply_timeout": 60.0, "dot_timeout": 60.0, "letter_budget": 120.0}
DOTS = ".\r\n..\r\n.two dots..\r\n.\r\nПривет, и это последняя строка.\r\n"


@pytest.fixture(scope="module", params=sorted(SERVERS))
def server(request: pytest.FixtureRequest) -> Iterator[RealServer]:
    try:
        with SERVERS[request.param]() as server:
            yield server
    except real.Missing as why:
        if os.environ.get("CI") and os.geteuid() == 0:
            raise
        pytest.skip(str(why))


@pytest.fixture
def to_one(server: RealServer) -> SmtpTransport:
    return SmtpTransport(options(server.port, pipeline=8, **PATIENT))


def is_unknown(number: int) -> bool:
    """Single ones in the middle of those on their way, pairs, and thirty in a row."""
    return number % 7 == 3 or number % 31 in {0, 1} or 100 <= number < 130


def make(number: int, first: int, text: str) -> Letter:
    number += first
    return letter(number, text, to=f"nobody{number}@example.com" if is_unknown(number - first) else "")


def send(server: RealServer, transport: SmtpTransport, batch: list[Letter], lines: int) -> tuple[Queue, list[Ending]]:
    queue = Queue(batch)
    endings = asyncio.run(deliver(transport, queue, lines=lines, tries=100))
    assert not queue.ready
    return queue, endings


@pytest.mark.parametrize(("first", "lines"), [(0, 1), (1000, 3)])
def test_everybody_gets_one_letter_whoever_is_unknown_among_them(
    server: RealServer, to_one: SmtpTransport, first: int, lines: int
) -> None:
    batch = [make(number, first, "Hello.\r\n") for number in range(180)]
    before = Counter({to: len(found) for to, found in server.letters(0).items()})

    queue, endings = send(server, to_one, batch, lines)

    known = [one.to for one in batch if one.to.startswith("c")]
    assert queue.verdicts == {one.to: Verdict.SENT if one.to in known else Verdict.FAILED for one in batch}
    assert not any(ending.unfit or ending.end is End.LOST for ending in endings)
    got = server.letters(len(known) + before.total())
    assert Counter({to: len(found) for to, found in got.items()}) - before == Counter(known)


def test_letters_arrive_to_the_byte(server: RealServer, to_one: SmtpTransport) -> None:
    """Lines of dots, bytes over 127, and letters of several pieces between short ones."""
    texts = [DOTS, "x" * 70 + "\r\n", DOTS * (3 * PIECE // len(DOTS.encode())), DOTS] * 6
    batch = [letter(2000 + number, text) for number, text in enumerate(texts)]
    before = sum(map(len, server.letters(0).values()))

    queue, _ = send(server, to_one, batch, 1)

    assert set(queue.verdicts.values()) == {Verdict.SENT}
    got = server.letters(before + len(batch))
    for one in batch:
        assert got[one.to][0].partition(b"\n\n")[2] == one.data.replace(b"\r\n", b"\n").partition(b"\n\n")[2]
