"""Letters through Django's backends: what arrives, and what each error of theirs means."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import ssl
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from anymail.exceptions import AnymailInvalidAddress, AnymailRequestsAPIError, AnymailUnsupportedFeature
from anymail.message import AnymailRecipientStatus, AnymailStatus
from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend
from pytest_django.fixtures import Settings
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from mailing.choices import DeliveryReason
from mailing.delivery.letters.mime import Recipient, compose
from mailing.delivery.smtp.connect import SmtpTransport
from mailing.delivery.transport import Letter
from mailing.delivery.transports import django_outcomes, one_letter
from mailing.delivery.transports.configured import DJANGO_SMTP, from_settings
from mailing.delivery.transports.django_backend import BackendTransport, as_django
from mailing.replies import Outcome, Trouble, Verdict
from tests.delivery.carrying import Queue, deliver, letter, letters, send_one
from tests.delivery.transports.backends import api_error
from tests.smtp.script import Fault
from tests.smtp.server import running

TO = "c0@example.com"


def composed(html: str = "<p>Привет, {{ full_name }}</p>", text: str = "Привет, {{ full_name }}") -> Letter:
    made = compose("Новости: {{ greeting }}", html, text, "Самовар <a@example.org>", "Ответы <r@example.org>")
    who = Recipient("d@example.com", "Иванова, Анна", "Анна", "<1@example.org>", "https://example.org/u/x/")
    return Letter(1, made.sender, who.email, made.letter(who, datetime(2024, 5, 1, 12, tzinfo=UTC)))


class TestWhatArrives:
    def test_is_the_same_letter(self) -> None:
        message = as_django(composed())

        assert isinstance(message, EmailMultiAlternatives)
        assert message.subject == "Новости: Анна"
        assert message.body.strip() == "Привет, Иванова, Анна"
        ((html, kind),) = message.alternatives
        assert kind == "text/html"
        assert "Привет, Иванова, Анна" in str(html)
        assert message.recipients() == ['"Иванова, Анна" <d@example.com>']
        assert message.reply_to == ["Ответы <r@example.org>"]
        assert message.extra_headers["Message-ID"] == "<1@example.org>"
        assert message.extra_headers["List-Unsubscribe"] == "<https://example.org/u/x/>"
        assert message.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert "Date" in message.extra_headers

    def test_goes_to_the_envelopes_recipient_alone(self) -> None:
        stranger = letter(0, to="real@example.com")
        stranger.data = stranger.data.replace(b"To: real@example.com", b"To: x@example.com, y@example.com")

        assert as_django(stranger).recipients() == ["real@example.com"]

    def test_may_be_html_alone(self) -> None:
        message = as_django(composed(text=""))

        assert message.content_subtype == "html"
        assert "Привет" in message.body

    def test_may_be_text_alone(self) -> None:
        message = as_django(composed(html=""))

        assert message.content_subtype == "plain"
        assert message.body.strip() == "Привет, Иванова, Анна"

    def test_survives_djangos_own_serialisation(self) -> None:
        again = as_django(composed()).message()

        assert again["Message-ID"] == "<1@example.org>"
        assert again["To"].count("@") == 1


# --- the backends -------------------------------------------------------------------------------------


class HangingBackend(BaseEmailBackend):
    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        time.sleep(8)
        return 1


class CountingBackend(BaseEmailBackend):
    returns: Any = 1

    def send_messages(self, messages: Sequence[EmailMessage]) -> Any:
        return self.returns


def test_a_backend_that_hangs_costs_the_letters_budget(settings: Settings) -> None:
    settings.SMTP_LETTER_BUDGET = 0.2
    began = time.monotonic()
    outcome = send_one(letter(0), _backend(HangingBackend))

    assert (outcome.verdict, outcome.trouble) == (Verdict.UNCONFIRMED, Trouble.TIMEOUT)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("returns", "verdict"),
    [(1, Verdict.SENT), (0, Verdict.FAILED), (None, Verdict.UNCONFIRMED), (2, Verdict.UNCONFIRMED)],
)
def test_only_a_letter_that_is_counted_is_sent(
    returns: Any, verdict: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CountingBackend, "returns", returns)

    assert send_one(letter(0), _backend(CountingBackend)).verdict is verdict


@pytest.mark.parametrize("path", ["no.such.Backend", "tests.delivery.transports.backends.Missing"])
def test_a_backend_that_does_not_exist_is_configuration(path: str) -> None:
    assert one_letter.probe(transport=BackendTransport(path)).verdict is Verdict.CONFIGURATION


def _backend(backend: type[BaseEmailBackend]) -> BackendTransport:
    return BackendTransport(f"{backend.__module__}.{backend.__qualname__}")


def test_djangos_smtp_backend_forgets_a_refused_letter(settings: Settings) -> None:
    """It sends no RSET of its own after a refusal at DATA: the next client would pay."""
    with running(Fault("data", "550 5.7.1 not this one", to="c1@")) as server:
        settings.EMAIL_PORT = server.port
        queue = Queue(letters(3))
        asyncio.run(deliver(BackendTransport(DJANGO_SMTP), queue))

        verdicts = [queue.verdicts[one.to] for one in letters(3)]
        assert verdicts == [Verdict.SENT, Verdict.FAILED, Verdict.SENT]
        assert sorted(server.recipients) == ["c0@example.com", "c2@example.com"]


def test_the_settings_choose_the_transport(settings: Settings) -> None:
    settings.EMAIL_BACKEND = DJANGO_SMTP
    assert isinstance(from_settings(), SmtpTransport)
    settings.EMAIL_BACKEND = "anymail.backends.test.EmailBackend"
    assert isinstance(from_settings(), BackendTransport)


def test_single_uses_the_settings(settings: Settings) -> None:
    with running() as server:
        settings.EMAIL_BACKEND, settings.EMAIL_PORT = DJANGO_SMTP, server.port
        assert one_letter.probe().verdict is Verdict.SENT
        assert send_one(letter(0), from_settings()).verdict is Verdict.SENT
        assert server.recipients == {TO: 1}


# --- what errors mean ---------------------------------------------------------------------------------


def chained(outer: Exception, inner: Exception) -> Exception:
    outer.__cause__ = inner
    return outer


def posting(reason: Exception) -> Exception:
    """As Anymail wraps what requests wraps around urllib3's reason."""
    retries = MaxRetryError(None, "/send", reason)  # type: ignore[arg-type]
    kind = type("AnymailRequestsAPIError", (AnymailRequestsAPIError, requests.ConnectionError), {})
    return chained(kind("Error posting"), requests.ConnectionError(retries))


SERVICE, CONFIGURATION, MESSAGE = Verdict.SERVICE, Verdict.CONFIGURATION, Verdict.MESSAGE
FAILED, DEFERRED, UNCONFIRMED = Verdict.FAILED, Verdict.DEFERRED, Verdict.UNCONFIRMED
REFUSED_CONNECTION = NewConnectionError(None, "refused")  # type: ignore[arg-type]

ERRORS: list[tuple[Exception, Verdict]] = [
    (smtplib.SMTPRecipientsRefused({TO: (550, b"5.1.1 nobody")}), FAILED),
    (smtplib.SMTPRecipientsRefused({TO: (450, b"4.2.1 busy")}), DEFERRED),
    (smtplib.SMTPSenderRefused(550, b"5.1.8 not you", "a@example.org"), CONFIGURATION),
    (smtplib.SMTPSenderRefused(451, b"4.3.0 busy", "a@example.org"), SERVICE),
    (smtplib.SMTPDataError(552, b"5.3.4 too big"), MESSAGE),
    (smtplib.SMTPDataError(451, b"4.7.1 later"), DEFERRED),
    (smtplib.SMTPDataError(421, b"4.3.2 closing"), SERVICE),
    (smtplib.SMTPAuthenticationError(535, b"5.7.8 no"), CONFIGURATION),
    (smtplib.SMTPNotSupportedError("no AUTH"), CONFIGURATION),
    (smtplib.SMTPServerDisconnected("gone"), UNCONFIRMED),
    (TimeoutError("timed out"), UNCONFIRMED),
    (ConnectionResetError(), UNCONFIRMED),
    (RuntimeError("a bug in somebody's backend"), UNCONFIRMED),
    (ConnectionRefusedError(), SERVICE),
    (socket.gaierror(-2, "Name or service not known"), SERVICE),
    (ssl.SSLCertVerificationError("expired"), CONFIGURATION),
    (posting(REFUSED_CONNECTION), SERVICE),
    (posting(ProtocolError("Connection aborted.")), UNCONFIRMED),
    (posting(ssl.SSLCertVerificationError("expired")), CONFIGURATION),
    (requests.ConnectTimeout("slow"), SERVICE),
    (requests.ReadTimeout("slow"), UNCONFIRMED),
    (api_error(401), CONFIGURATION),
    (api_error(403), CONFIGURATION),
    (api_error(413), MESSAGE),
    (api_error(422), FAILED),
    (api_error(429), SERVICE),
    (api_error(500), SERVICE),
    (api_error(502), UNCONFIRMED),
    (api_error(503), SERVICE),
    (api_error(504), UNCONFIRMED),
    (AnymailInvalidAddress("no"), FAILED),
    (AnymailUnsupportedFeature("no"), MESSAGE),
    (ImproperlyConfigured("no key"), CONFIGURATION),
]


@pytest.mark.parametrize(("error", "verdict"), ERRORS, ids=[f"{type(e).__name__}-{v.value}" for e, v in ERRORS])
def test_an_error_means(error: Exception, verdict: Verdict) -> None:
    assert django_outcomes.of_error(error, EmailMessage(), TO).verdict is verdict


def test_an_unknown_refusal_by_an_api_may_mean_us() -> None:
    outcome = django_outcomes.of_error(api_error(422), EmailMessage(), TO)

    assert outcome.sender_side
    assert outcome.code == 422
    assert not outcome.suppress


@pytest.mark.parametrize(
    ("status", "verdict", "reason"),
    [
        ("sent", Verdict.SENT, None),
        ("queued", Verdict.SENT, None),
        ("invalid", FAILED, DeliveryReason.BAD_ADDRESS),
        ("rejected", FAILED, DeliveryReason.REFUSED),
        ("failed", FAILED, DeliveryReason.REFUSED),
        ("unknown", UNCONFIRMED, DeliveryReason.UNINTELLIGIBLE),
    ],
)
def test_anymails_status_means(status: str, verdict: Verdict, reason: DeliveryReason | None) -> None:
    message: Any = EmailMessage()
    message.anymail_status = AnymailStatus()
    message.anymail_status.set_recipient_status({TO: AnymailRecipientStatus("1", status)})
    outcome: Outcome = django_outcomes.of_return(1, message, TO)

    assert (outcome.verdict, outcome.reason) == (verdict, reason)


def test_the_outbox_keeps_what_locmem_accepted() -> None:
    mail.outbox = []
    transport = BackendTransport("django.core.mail.backends.locmem.EmailBackend")
    send_one(composed(), transport)

    assert [message.extra_headers["Message-ID"] for message in mail.outbox] == ["<1@example.org>"]
