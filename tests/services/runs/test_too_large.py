"""A run that ended because its letter was larger than the server takes: both sizes, wherever one looks."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client as Browser
from django.utils import translation

from mailing import reply_help
from mailing.admin.common import delivery_text
from mailing.choices import AttemptStatus, DeliveryReason
from mailing.models import Attempt
from mailing.services.runs import trial_letters
from tests.factories import AttemptFactory, MessageFactory, UserFactory
from tests.services.runs.working import misbehave, run, start
from tests.smtp.script import Fault
from tests.smtp.server import Server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("quick")]
LINE = "x" * 59 + "\n"


def ended(server: Server, limit: int, length: int) -> Attempt:
    server.size = limit
    if not limit:  # it says nothing before, and refuses the letter
        misbehave(server, Fault("dot", "552 5.3.4 message size exceeds", times=0))
    attempt = start(3, message=MessageFactory.create(body=LINE * (length // len(LINE))))
    # The day before the server was away: what it waited for then says nothing about now.
    Attempt.objects.filter(pk=attempt.pk).update(note_params={"at": "2026-01-01T10:00:00Z", "server": "mail"})
    run(attempt)
    return attempt


@pytest.mark.parametrize(
    ("language", "sizes", "words"),
    [
        ("en", (100_000, 300_000), r"The letter is 2\d\d\.\d\sKB, and the mail server takes 97\.7\sKB at most\."),
        ("ru", (200_000, 400_000), r"Размер письма — 39\d,\d\sКБ, а почтовый сервер принимает не больше 195,3\sКБ\."),
        ("en", (0, 300_000), r"The letter is 2\d\d\.\d\sKB, and the mail server takes none so large\."),
    ],
)
def test_every_place_says_how_large_the_letter_is_and_what_the_server_takes(
    server: Server, capsys: pytest.CaptureFixture[str], language: str, sizes: tuple[int, int], words: str
) -> None:
    attempt = ended(server, *sizes)
    assert (attempt.status, attempt.failed) == (AttemptStatus.FAILED, 3)
    with translation.override(language):
        assert re.match(words, attempt.note_text)
        call_command("show_attempt", str(attempt.pk))
        assert re.match(words, json.loads(capsys.readouterr().out)["note"])
    browser = Browser()
    browser.force_login(UserFactory.create(is_superuser=True))
    browser.cookies["django_language"] = language
    delivery: Any = attempt.deliveries.order_by("pk").last()
    for page in (
        f"attempt/{attempt.pk}/change/",
        "delivery/",
        f"delivery/?attempt__id__exact={attempt.pk}",
        f"delivery/{delivery.pk}/change/",
    ):
        assert re.search(words, browser.get(f"/admin/mailing/{page}").content.decode()), page


def test_a_test_letter_that_is_too_large_says_both_sizes(server: Server) -> None:
    server.size = 100_000
    message = MessageFactory.create(body=LINE * 5000)
    (outcome,) = trial_letters.send(message, to=["me@example.com"], sample=None, by=None)
    assert "97.7\xa0KB at most" in str(delivery_text.answer(outcome).sentence)


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "10,485,761 bytes, and the mail server takes 10,485,760 bytes"), ("ru", "10 485 761 байт, а")],
)
def test_a_letter_a_byte_too_large_is_told_in_bytes(language: str, words: str) -> None:
    with translation.override(language):
        assert words in reply_help.too_large(10_485_761, 10_485_760).replace("\xa0", " ")


def test_other_refusals_of_a_message_say_nothing_of_sizes() -> None:
    attempt = AttemptFactory(status=AttemptStatus.FAILED, cut_short=DeliveryReason.MESSAGE, audience=1, failed=1)
    assert attempt.note_text == "The server refused the message itself. Change it, then send again."
    assert delivery_text.about(DeliveryReason.TRIES_USED_UP, 452, attempt=attempt) != attempt.note_text


def test_every_reason_a_letter_did_not_arrive_has_a_sentence() -> None:
    for reason in DeliveryReason:
        assert str(delivery_text.about(reason, None)), reason
