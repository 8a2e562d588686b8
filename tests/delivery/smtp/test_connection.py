"""Lines over real sockets: security, time, memory, leaving; and many of them at once against a server gone mad."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from mailing.delivery.smtp.connect import SmtpTransport
from mailing.delivery.transport import End, Letter, Source
from mailing.replies import Outcome, Verdict
from tests.delivery.carrying import Queue, deliver, in_a_loop, letter, letters, options
from tests.smtp.script import Chaos, Fault
from tests.smtp.server import EVERYTHING, PLAIN, Server


class TestTimeAndMemory:
    @pytest.mark.parametrize("phase", ["connect", "ehlo", "mail", "rcpt", "data", "dot"])
    @in_a_loop
    async def test_an_endless_reply_takes_no_memory(self, phase: str) -> None:
        async with Server(Fault(phase, "endless", times=1)) as server:
            tracemalloc.start()
            try:
                await deliver(SmtpTransport(options(server.port)), Queue(letters(1)), tries=1)
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

        assert peak < 3_000_000

    @in_a_loop
    async def test_a_server_that_reads_nothing_stops_a_long_letter_in_time(self) -> None:
        async with silent_after_354() as port:
            queue = Queue([letter(0, ("x" * 70 + "\r\n") * 300_000)])
            began = time.monotonic()
            (ending, *_) = await deliver(SmtpTransport(options(port, reply_timeout=0.4)), queue)

        assert ending.end is End.LOST
        assert queue.verdicts == {"c0@example.com": Verdict.DEFERRED}  # the dot never left
        assert time.monotonic() - began < 5

    @in_a_loop
    async def test_a_server_that_reads_slowly_gets_the_whole_letter(self) -> None:
        async with Server() as server:
            long = letter(0, "".join(f"{n:070}\r\n" for n in range(100_000)))
            queue = Queue([long, letter(1)])
            await deliver(SmtpTransport(options(server.port)), queue)

            assert server.bodies[0] == long.data
            assert server.recipients.total() == 2

    @in_a_loop
    async def test_a_slow_line_holds_no_other(self) -> None:
        async with Server(Fault("dot", "hang")) as server:
            queue = Queue(letters(50))
            transport = SmtpTransport(options(server.port, dot_timeout=60, letter_budget=60))
            delivering = asyncio.create_task(deliver(transport, queue, lines=4))
            async with asyncio.timeout(10):
                while len(queue.outcomes) < 48:  # the other two are on the line that hangs
                    await asyncio.sleep(0.01)
            delivering.cancel()
            await asyncio.wait({delivering})

        verdicts = list(queue.verdicts.values())
        assert (verdicts.count(Verdict.SENT), verdicts.count(Verdict.UNCONFIRMED)) == (48, 1)
        assert len(queue.given_back) == 1

    @pytest.mark.parametrize("kind", ["hang", "drop", "reset", "garbage", "trickle", "endless"])
    @in_a_loop
    async def test_a_bad_goodbye_is_short_and_changes_nothing(self, kind: str) -> None:
        async with Server(Fault("quit", kind)) as server:
            queue = Queue(letters(1))
            line = await SmtpTransport(options(server.port)).open()
            await line.run(queue)
            began = time.monotonic()
            await line.close()
            await line.close()

        assert time.monotonic() - began < 4
        assert queue.verdicts == {"c0@example.com": Verdict.SENT}


@asynccontextmanager
async def silent_after_354() -> AsyncIterator[int]:
    """A server whose kernel takes what fits and that never reads the letter."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 x\r\n")
        await reader.readline()
        writer.write(b"250-x\r\n250 PIPELINING\r\n")
        while not (await reader.readline()).startswith(b"DATA"):
            pass
        writer.write(b"250 ok\r\n250 ok\r\n354 go\r\n")
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(5)

    server = await asyncio.start_server(talk, "127.0.0.1", 0, limit=1024)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class TestWaitingAndLeaving:
    @in_a_loop
    async def test_a_line_waits_for_letters_that_come_later(self) -> None:
        async with Server() as server:
            queue = Queue(letters(2), keep_open=True)
            line = await SmtpTransport(options(server.port)).open()
            running = asyncio.create_task(line.run(queue))
            while len(queue.outcomes) < 2:
                await asyncio.sleep(0.01)
            queue.add(letter(2))
            while len(queue.outcomes) < 3:
                await asyncio.sleep(0.01)
            queue.keep_open = False
            queue.more.set()

            assert (await running).end is End.EXHAUSTED
            await line.close()
            assert server.transcripts[0][-1] == "QUIT"
            assert len(server.transcripts) == 1

    @pytest.mark.parametrize("says", ["421 4.4.2 idle for too long", ""])
    @in_a_loop
    async def test_an_idle_line_that_the_server_closes_costs_nobody_anything(self, says: str) -> None:
        async with Server(idle=0.1, idle_says=says) as server:
            queue = Queue(letters(1), keep_open=True)
            line = await SmtpTransport(options(server.port)).open()
            ending = await line.run(queue)
            await line.close()

        assert ending.end is End.RECYCLED
        assert queue.verdicts == {"c0@example.com": Verdict.SENT}
        assert not queue.given_back

    @in_a_loop
    async def test_a_line_closed_between_opening_and_running_takes_no_letter(self) -> None:
        async with Server(idle=0.05, idle_says="") as server:
            queue = Queue(letters(1))
            line = await SmtpTransport(options(server.port)).open()
            await asyncio.sleep(0.3)
            await line.run(queue)
            await line.close()

        assert not queue.outcomes
        assert queue.ready

    @in_a_loop
    async def test_a_run_that_is_cancelled_leaves_no_letter_undecided(self) -> None:
        async with Server(Fault("dot", "hang")) as server:
            queue = Queue(letters(3))
            line = await SmtpTransport(options(server.port)).open()
            running = asyncio.create_task(line.run(queue))
            while not server.accepted:
                await asyncio.sleep(0.01)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            await line.close()

        assert queue.verdicts == {"c0@example.com": Verdict.UNCONFIRMED}
        assert queue.given_back == ["c1@example.com"]

    @in_a_loop
    async def test_a_server_that_leaves_after_each_letter_only_costs_connections(self) -> None:
        async with Server(letters_per_connection=1, offers=PLAIN) as server:
            queue = Queue(letters(4))
            await deliver(SmtpTransport(options(server.port)), queue)

            assert set(queue.verdicts.values()) == {Verdict.SENT}
            assert server.recipients.total() == 4

    @pytest.mark.parametrize("offers", [EVERYTHING, PLAIN], ids=["piped", "plain"])
    @pytest.mark.parametrize("answer", ["503 5.5.1 no recipients", "354 go ahead"])
    @in_a_loop
    async def test_no_letter_gets_out_to_nobody_when_its_recipient_was_refused(
        self, answer: str, offers: frozenset[str]
    ) -> None:
        async with Server(
            Fault("rcpt", "550 5.1.1 no", to="c1@"), data_without_recipients=answer, offers=offers
        ) as server:
            queue = Queue(letters(4))
            await deliver(SmtpTransport(options(server.port)), queue)

            assert queue.verdicts["c1@example.com"] is Verdict.FAILED
            assert sorted(server.recipients) == ["c0@example.com", "c2@example.com", "c3@example.com"]
            assert len(server.transcripts) == 1

    @in_a_loop
    async def test_a_worn_line_is_replaced(self) -> None:
        async with Server() as server:
            queue = Queue(letters(7))
            endings = await deliver(SmtpTransport(options(server.port, letters_per_connection=3)), queue)

            assert [ending.end for ending in endings] == [End.RECYCLED, End.RECYCLED, End.EXHAUSTED]
            assert [transcript[-1] for transcript in server.transcripts] == ["QUIT"] * 3

    @in_a_loop
    async def test_a_source_that_fails_ends_the_run_with_its_error(self) -> None:
        class Broken(Queue):
            def done(self, letter: Letter, outcome: Outcome) -> None:
                super().done(letter, outcome)
                raise LookupError("the ledger is gone")

        async with Server() as server:
            source: Source = Broken(letters(2))
            line = await SmtpTransport(options(server.port)).open()
            asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
            with pytest.raises(LookupError):
                await line.run(source)
            await line.close()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("offers", [EVERYTHING, PLAIN], ids=["piped", "plain"])
def test_in_a_storm_of_faults_nobody_is_doubled_lost_or_shown_wrongly(seed: int, offers: frozenset[str]) -> None:
    async def storm() -> tuple[Queue, Server]:
        async with Server(script=Chaos(seed, 0.03), offers=offers) as server:
            queue = Queue(letters(150))
            transport = SmtpTransport(options(server.port, reply_timeout=0.5, dot_timeout=0.5))
            await deliver(transport, queue, lines=8, tries=10_000)
            assert max(server.recipients.values()) == 1
            assert_shown_is_true(queue, server)
            return queue, server

    queue, _ = asyncio.run(storm())
    assert len(queue.verdicts) == 150


def assert_shown_is_true(queue: Queue, server: Server) -> None:
    for to, verdict in queue.verdicts.items():
        accepted = server.recipients[to]
        if verdict is Verdict.SENT:
            assert accepted == 1, f"{to} is shown sent and was never accepted"
        elif verdict is not Verdict.UNCONFIRMED:
            assert accepted == 0, f"{to} is shown {verdict} and was accepted"
