"""What every transport promises the rest of the product, tested over each of them.

The SMTP engine against our misbehaving server, the memory twin, and the adapter over two Django backends: the
one of Django's own tests and Anymail's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from django.core import mail

from mailing.delivery.smtp.connect import SmtpTransport
from mailing.delivery.transport import End, Transport
from mailing.delivery.transports import one_letter
from mailing.delivery.transports.django_backend import BackendTransport
from mailing.replies import Phase, Reply, Trouble, Verdict
from tests.delivery.carrying import Queue, deliver, in_a_loop, letter, letters, options, send_one
from tests.delivery.transports import backends
from tests.delivery.transports.in_memory import MemoryTransport, Said
from tests.smtp.script import Fault
from tests.smtp.server import Server

Accepted = Callable[[], list[str]]  # the recipients of all letters accepted so far
Stage = Callable[..., AbstractAsyncContextManager[tuple[Transport, Accepted]]]

REFUSED: Said = (Phase.RCPT, Reply.of(550, "5.1.1 no such user"))
LATER: Said = (Phase.RCPT, Reply.of(451, "4.7.1 come back later"))
BUSY: Said = (Phase.MAIL, Reply.of(451, "4.3.2 busy"))
WRONG_PASSWORD: Said = (Phase.AUTH, Reply.of(535, "5.7.8 wrong password"))
VANISHED: Said = (Phase.DOT, Trouble.LOST)


@asynccontextmanager
async def smtp(**answers: Said) -> AsyncIterator[tuple[Transport, Accepted]]:
    faults = [Fault(*_fault(said), to=f"{name}@" if said is not BUSY else "") for name, said in answers.items()]
    user: dict[str, Any] = {"user": "me", "password": "x"} if WRONG_PASSWORD in answers.values() else {}
    async with Server(*faults, user=("me", "secret") if user else None) as server:
        yield SmtpTransport(options(server.port, **user)), lambda: list(server.recipients.elements())


def _fault(said: Said) -> tuple[str, str]:
    phase, answer = said
    return phase.value, f"{answer.code} {answer.text}" if isinstance(answer, Reply) else "drop"


@asynccontextmanager
async def memory(**answers: Said) -> AsyncIterator[tuple[Transport, Accepted]]:
    greetings = [said for said in answers.values() if said is WRONG_PASSWORD] * 3
    scripted = {f"{name}@example.com": [said] for name, said in answers.items()}
    transport = MemoryTransport(scripted, greetings=greetings)
    yield transport, lambda: [letter.to for letter in transport.accepted]


@asynccontextmanager
async def locmem(**answers: Said) -> AsyncIterator[tuple[Transport, Accepted]]:
    with backends.scripted({f"{name}@example.com": said for name, said in answers.items()}):
        yield BackendTransport("tests.delivery.transports.backends.SmtpLikeBackend"), _in_the_outbox


@asynccontextmanager
async def anymail(**answers: Said) -> AsyncIterator[tuple[Transport, Accepted]]:
    with backends.scripted({f"{name}@example.com": said for name, said in answers.items()}):
        yield BackendTransport("anymail.backends.test.EmailBackend"), _in_the_outbox


def _in_the_outbox() -> list[str]:
    """Anymail's test backend keeps there what it refused, too."""
    accepted = []
    for message in mail.outbox:
        answer = getattr(message, "anymail_test_response", None)
        if not isinstance(answer, dict) and getattr(answer, "status_code", None) is None:
            accepted += message.recipients()
    return accepted


STAGES: list[Stage] = [smtp, memory, locmem, anymail]
NAMES = ["smtp", "memory", "locmem", "anymail"]


@pytest.fixture(params=STAGES, ids=NAMES)
def stage(request: pytest.FixtureRequest) -> Stage:
    mail.outbox = []
    staged: Stage = request.param
    return staged


@in_a_loop
async def test_every_letter_is_carried_once(stage: Stage) -> None:
    async with stage() as (transport, accepted):
        queue = Queue(letters(6))
        endings = await deliver(transport, queue)

        assert [ending.end for ending in endings] == [End.EXHAUSTED]
        assert sorted(accepted()) == [letter.to for letter in letters(6)]
        assert set(queue.verdicts.values()) == {Verdict.SENT}


@in_a_loop
async def test_a_refused_recipient_costs_nobody_else_anything(stage: Stage) -> None:
    async with stage(c1=REFUSED) as (transport, accepted):
        queue = Queue(letters(4))
        await deliver(transport, queue)

        assert queue.verdicts["c1@example.com"] is Verdict.FAILED
        assert sorted(accepted()) == ["c0@example.com", "c2@example.com", "c3@example.com"]
        assert list(queue.verdicts.values()).count(Verdict.SENT) == 3


@pytest.mark.parametrize("stage", STAGES[:3], ids=NAMES[:3])  # Anymail's providers queue by themselves
@in_a_loop
async def test_a_recipient_who_is_told_to_come_back_is_deferred(stage: Stage) -> None:
    async with stage(c1=LATER) as (transport, accepted):
        queue = Queue(letters(3))
        await deliver(transport, queue)

        assert queue.verdicts["c1@example.com"] is Verdict.DEFERRED
        assert sorted(accepted()) == ["c0@example.com", "c2@example.com"]


@in_a_loop
async def test_trouble_of_the_service_marks_nobody(stage: Stage) -> None:
    async with stage(c0=BUSY) as (transport, accepted):
        queue = Queue(letters(3))
        endings = await deliver(transport, queue)

        assert [ending.end for ending in endings] == [End.TROUBLE, End.EXHAUSTED]
        assert endings[0].outcome is not None
        assert endings[0].outcome.verdict is Verdict.SERVICE
        assert queue.given_back == ["c0@example.com"]
        assert set(queue.verdicts.values()) == {Verdict.SENT}
        assert sorted(accepted()) == [letter.to for letter in letters(3)]


@in_a_loop
async def test_a_wrong_password_is_configuration_and_marks_nobody(stage: Stage) -> None:
    async with stage(c0=WRONG_PASSWORD) as (transport, accepted):
        queue = Queue(letters(2))
        ending = (await deliver(transport, queue, tries=1))[0]

        assert ending.end is End.TROUBLE
        assert ending.outcome is not None
        assert ending.outcome.verdict is Verdict.CONFIGURATION
        assert queue.outcomes == {}
        assert accepted() == []


@in_a_loop
async def test_an_answer_lost_after_the_letter_leaves_it_unconfirmed(stage: Stage) -> None:
    async with stage(c1=VANISHED) as (transport, accepted):
        queue = Queue(letters(3))
        endings = await deliver(transport, queue)

        assert [ending.end for ending in endings] == [End.LOST, End.EXHAUSTED]
        assert queue.verdicts["c1@example.com"] is Verdict.UNCONFIRMED
        assert sorted(accepted()) == [letter.to for letter in letters(3)]


@in_a_loop
async def test_what_smtp_cannot_say_is_not_tried(stage: Stage) -> None:
    async with stage() as (transport, accepted):
        unsayable = letter(1, "a bare\nline dispatcher\r\n")
        queue = Queue([letter(0, to="a b@example.com"), unsayable, letter(2)])
        await deliver(transport, queue)

        assert queue.verdicts == {
            "a b@example.com": Verdict.FAILED,
            "c1@example.com": Verdict.MESSAGE,
            "c2@example.com": Verdict.SENT,
        }
        assert accepted() == ["c2@example.com"]


@in_a_loop
async def test_a_line_waits_until_its_source_says_there_is_no_more(stage: Stage) -> None:
    async with stage() as (transport, accepted):
        queue = Queue(letters(1), keep_open=True)
        line = await transport.open()
        running = asyncio.create_task(line.run(queue))
        await until(lambda: len(queue.outcomes) == 1)
        queue.add(letter(1))
        await until(lambda: len(queue.outcomes) == 2)
        queue.keep_open = False
        queue.more.set()

        assert (await running).end is End.EXHAUSTED
        await line.close()
        await line.close()
        assert sorted(accepted()) == ["c0@example.com", "c1@example.com"]


@in_a_loop
async def test_a_cancelled_run_leaves_no_letter_undecided(stage: Stage) -> None:
    async with stage() as (transport, accepted):
        queue = Queue(letters(50))
        line = await transport.open()
        running = asyncio.create_task(line.run(queue))
        await until(lambda: len(queue.outcomes) >= 1)
        running.cancel()
        await asyncio.wait({running})
        await line.close()

        assert queue.out == set()
        sent = {to for to, verdict in queue.verdicts.items() if verdict is Verdict.SENT}
        assert sent <= set(accepted())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


class TestOneLetterAtOnce:
    """`one_letter`, which is synchronous and brings a loop of its own."""

    @in_a_loop
    async def test_is_sent(self, stage: Stage) -> None:
        async with stage() as (transport, accepted):
            outcome = await asyncio.to_thread(send_one, letter(0), transport)

            assert outcome.verdict is Verdict.SENT
            assert accepted() == ["c0@example.com"]

    @pytest.mark.parametrize(
        ("said", "verdict"),
        [
            (REFUSED, Verdict.FAILED),
            (BUSY, Verdict.SERVICE),
            (WRONG_PASSWORD, Verdict.CONFIGURATION),
            (VANISHED, Verdict.UNCONFIRMED),
        ],
        ids=["refused", "busy", "wrong password", "vanished"],
    )
    @in_a_loop
    async def test_or_the_outcome_says_why_not(self, stage: Stage, said: Said, verdict: Verdict) -> None:
        async with stage(c0=said) as (transport, _):
            assert (await asyncio.to_thread(send_one, letter(0), transport)).verdict is verdict

    @in_a_loop
    async def test_a_probe_sends_nothing(self, stage: Stage) -> None:
        async with stage() as (transport, accepted):
            outcome = await asyncio.to_thread(lambda: one_letter.probe(transport=transport))

            assert outcome.verdict is Verdict.SENT
            assert accepted() == []

    @pytest.mark.parametrize("stage", STAGES[:3], ids=NAMES[:3])  # an HTTP API logs in with each letter
    @in_a_loop
    async def test_a_probe_tries_the_password(self, stage: Stage) -> None:
        async with stage(c0=WRONG_PASSWORD) as (transport, _):
            outcome = await asyncio.to_thread(lambda: one_letter.probe(transport=transport))

        assert outcome.verdict is Verdict.CONFIGURATION
        assert outcome.code == 535
