"""Getting a line: security, logging in, names and addresses; who may not be believed, and for how long."""

from __future__ import annotations

import asyncio
import socket
import time
from dataclasses import replace
from typing import Any

import pytest

from mailing.delivery.smtp.connect import SmtpTransport
from mailing.delivery.smtp.options import hello_name
from mailing.delivery.transport import NotOpened
from mailing.replies import Phase, Trouble, Verdict
from tests.delivery.carrying import Queue, deliver, in_a_loop, letter, letters, options
from tests.smtp.script import Fault
from tests.smtp.server import AUTHORITY, Server


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

    @pytest.mark.parametrize("wanted", [{"security": "starttls"}, {"user": "me", "password": "secret"}])
    @in_a_loop
    async def test_helo_is_no_way_around_what_the_settings_ask_for(self, wanted: dict[str, str]) -> None:
        async with Server(Fault("ehlo", "502 5.5.1 what?", times=0), certificate="localhost") as server:
            refused = await refusal(server.port, **wanted)

            assert refused.outcome.verdict is Verdict.CONFIGURATION
            assert refused.outcome.code == 502
            assert [line.split()[0] for line in server.transcripts[0]] == ["EHLO"]

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


@pytest.mark.parametrize("code", [500, 502, 504])
@in_a_loop
async def test_a_server_that_does_not_know_ehlo_is_greeted_by_helo_and_gets_plain_letters(code: int) -> None:
    async with Server(Fault("ehlo", f"{code} 5.5.1 what?", times=0)) as server:
        queue = Queue(letters(2))
        await deliver(SmtpTransport(options(server.port)), queue)

        assert set(queue.verdicts.values()) == {Verdict.SENT}
        said = server.transcripts[0]
        assert [line.split()[0] for line in said[:5]] == ["EHLO", "HELO", "MAIL", "RCPT", "DATA"]
        assert said[2] == "MAIL FROM:<a@example.org>"  # no BODY=, no SIZE=


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
            await SmtpTransport(replace(options(1), host=host)).open()

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
