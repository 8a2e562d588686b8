"""Lines over real sockets: security, time, memory, leaving; and many of them at once against a server gone mad."""

from __future__ import annotations

import asyncio
import socket
import time
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mailing.delivery.dialling import SmtpTransport
from mailing.delivery.options import hello_name
from mailing.delivery.transport import End, Letter, NotOpened, Source
from mailing.replies import Outcome, Phase, Trouble, Verdict
from tests.delivery.carrying import Queue, deliver, in_a_loop, letter, letters, options
from tests.smtp.script import Chaos, Fault
from tests.smtp.server import AUTHORITY, EVERYTHING, PLAIN, Server


async def refusal(server_port: int, **changes: Any) -> NotOpened:
    with pytest.raises(NotOpened) as refused:
        await SmtpTransport(options(server_port, **changes)).open()
    return refused.value


class TestSecurity:
    @pytest.fixture(autouse=True)
    def _trust(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(AUTHORITY))

    @pytest.mark.parametrize("security", ["starttls", "tls"])
    @in_a_loop
    async def test_letters_go_over_tls_that_the_system_trusts(self, security: str) -> None:
        async with Server(certificate="localhost", implicit_tls=security == "tls") as server:
            queue = Queue([*letters(3), letter(3, "x" * 76 + "\r\n" + ("y" * 70 + "\r\n") * 5000)])
            await deliver(SmtpTransport(options(server.port, security=security)), queue)

            assert set(queue.verdicts.values()) == {Verdict.SENT}
            assert server.bodies[-1] == letter(3, "x" * 76 + "\r\n" + ("y" * 70 + "\r\n") * 5000).data

    @in_a_loop
    async def test_after_starttls_everything_is_asked_anew(self) -> None:
        async with Server(certificate="localhost") as server:
            await deliver(SmtpTransport(options(server.port, security="starttls")), Queue(letters(1)))

            assert [line.split()[0] for line in server.transcripts[0][:4]] == ["EHLO", "STARTTLS", "EHLO", "MAIL"]

    @pytest.mark.parametrize("certificate", ["elsewhere", "expired"])
    @pytest.mark.parametrize("security", ["starttls", "tls"])
    @in_a_loop
    async def test_a_certificate_that_does_not_fit_is_a_matter_of_configuration(
        self, certificate: str, security: str
    ) -> None:
        async with Server(certificate=certificate, implicit_tls=security == "tls") as server:
            refused = await refusal(server.port, security=security)

        assert refused.outcome.verdict is Verdict.CONFIGURATION
        assert refused.outcome.trouble is Trouble.CERTIFICATE
        assert refused.detail

    @in_a_loop
    async def test_an_unknown_authority_is_not_trusted(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("SSL_CERT_FILE")
            async with Server(certificate="localhost", implicit_tls=True) as server:
                refused = await refusal(server.port, security="tls")

        assert refused.outcome.trouble is Trouble.CERTIFICATE

    @in_a_loop
    async def test_no_starttls_is_no_reason_to_go_on_without(self) -> None:
        async with Server(user=("me", "secret")) as server:
            refused = await refusal(server.port, security="starttls", user="me", password="secret")

            assert refused.outcome.trouble is Trouble.NO_TLS
            assert refused.outcome.verdict is Verdict.CONFIGURATION
            assert not any(line.startswith(("AUTH", "MAIL")) for line in server.transcripts[0])

    @in_a_loop
    async def test_a_plain_server_where_tls_is_wanted_is_service_trouble(self) -> None:
        async with Server() as server:
            refused = await refusal(server.port, security="tls")

        assert refused.outcome.verdict is Verdict.SERVICE

    @in_a_loop
    async def test_a_tls_server_that_never_shakes_hands_costs_the_connect_time(self) -> None:
        async with Server(Fault("connect", "hang")) as server:
            began = time.monotonic()
            refused = await refusal(server.port, security="tls", connect_timeout=0.3)

        assert refused.outcome.trouble is Trouble.TIMEOUT
        assert time.monotonic() - began < 5


class TestLoggingIn:
    USER = ("me@example.com", "пароль")

    @pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
    @in_a_loop
    async def test_by_each_mechanism(self, mechanism: str) -> None:
        async with Server(user=self.USER, mechanisms=[mechanism]) as server:
            queue = Queue(letters(1))
            await deliver(SmtpTransport(options(server.port, user=self.USER[0], password=self.USER[1])), queue)

            assert queue.verdicts == {"c0@example.com": Verdict.SENT}

    @pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
    @in_a_loop
    async def test_a_wrong_password_is_a_matter_of_configuration(self, mechanism: str) -> None:
        async with Server(user=self.USER, mechanisms=[mechanism]) as server:
            refused = await refusal(server.port, user=self.USER[0], password="wrong")

        assert refused.outcome.verdict is Verdict.CONFIGURATION
        assert refused.outcome.code == 535

    @in_a_loop
    async def test_a_server_without_any_known_mechanism_is_named_so(self) -> None:
        async with Server(user=self.USER, mechanisms=["XOAUTH2"]) as server:
            refused = await refusal(server.port, user="me", password="secret")

        assert refused.outcome.trouble is Trouble.NO_AUTH

    @in_a_loop
    async def test_nobody_logs_in_without_a_user(self) -> None:
        async with Server(user=self.USER) as server:
            ending = (await deliver(SmtpTransport(options(server.port)), Queue(letters(1)), tries=1))[0]

            assert not any(line.startswith("AUTH") for line in server.transcripts[0])
        assert ending.outcome is not None
        assert ending.outcome.code == 530
        assert ending.outcome.verdict is Verdict.CONFIGURATION

    @in_a_loop
    async def test_a_server_that_echoes_our_password_is_not_quoted(self) -> None:
        async with Server(Fault("auth", "535 AG1lAHNlY3JldA== secret is wrong"), user=("me", "x")) as server:
            refused = await refusal(server.port, user="me", password="secret")

        assert "secret" not in refused.outcome.response
        assert "c2Vjcm" not in refused.outcome.response


class TestConnecting:
    @in_a_loop
    async def test_a_closed_port_is_service_trouble(self) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            refused = await refusal(unused.getsockname()[1])

        assert refused.outcome.verdict is Verdict.SERVICE
        assert refused.outcome.phase is Phase.CONNECT
        assert refused.outcome.response == ""

    @pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 70 + ".example", "", "bad..name"])
    @in_a_loop
    async def test_a_host_that_does_not_exist_is_service_trouble(self, host: str) -> None:
        with pytest.raises(NotOpened) as refused:
            await SmtpTransport(options(1)).__class__(_elsewhere(host)).open()

        assert refused.value.outcome.verdict is Verdict.SERVICE

    def test_a_resolver_that_hangs_holds_nobody(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: time.sleep(8))
        began = time.monotonic()
        refused = asyncio.run(refusal(1, connect_timeout=0.2))

        assert refused.outcome.trouble is Trouble.TIMEOUT
        assert time.monotonic() - began < 5

    @in_a_loop
    async def test_a_dead_address_leaves_time_for_the_next(self) -> None:
        async with Server() as server:
            real = socket.getaddrinfo("127.0.0.1", server.port, type=socket.SOCK_STREAM)
            dead = [(*real[0][:4], ("127.0.0.1", 1))]
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: dead + real)
                line = await SmtpTransport(options(server.port)).open()
                await line.close()

    @pytest.mark.parametrize(
        ("site", "name"),
        [
            ("https://letters.example.com:8443", "letters.example.com"),
            ("https://Письма.рф", "xn--80apmkl0e.xn--p1ai"),
            ("http://127.0.0.1:8000", ""),
            ("http://localhost", ""),
            ("http://[::1]", ""),
        ],
    )
    def test_we_introduce_ourselves_by_the_sites_full_name(self, site: str, name: str) -> None:
        assert hello_name(site) == name

    @pytest.mark.parametrize(("hello", "said"), [("", "EHLO [127.0.0.1]"), ("a.example", "EHLO a.example")])
    @in_a_loop
    async def test_or_by_our_address(self, hello: str, said: str) -> None:
        async with Server() as server:
            await (await SmtpTransport(options(server.port, hello=hello)).open()).close()

            assert server.transcripts == [[said, "QUIT"]]


def _elsewhere(host: str) -> Any:
    from dataclasses import replace

    return replace(options(1), host=host)


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
