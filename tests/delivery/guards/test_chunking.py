"""Servers that offer CHUNKING and fail at it are remembered for a week."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.utils import timezone

from mailing.delivery.guards import chunking
from mailing.delivery.smtp.connect import SmtpTransport
from mailing.delivery.transports import configured
from mailing.models import MailService

pytestmark = pytest.mark.django_db

NOW = timezone.now()


@pytest.fixture(autouse=True)
def _server(settings: LazySettings) -> None:
    settings.EMAIL_BACKEND = configured.DJANGO_SMTP
    settings.EMAIL_HOST, settings.EMAIL_PORT = "mx.example.com", 587


def test_nobody_is_suspected() -> None:
    assert not chunking.fails(NOW)


def test_one_who_failed_is_served_without_for_a_week_and_then_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        chunking.failed(NOW)

    assert [record.getMessage()[:48] for record in caplog.records] == [
        "mx.example.com:587 offers CHUNKING and fails at "
    ]
    assert chunking.fails(NOW + timedelta(days=6))
    assert not chunking.fails(NOW + timedelta(days=8))


def test_another_server_is_another_server(settings: LazySettings) -> None:
    chunking.failed(NOW)
    settings.EMAIL_PORT = 25

    assert not chunking.fails(NOW)


def test_a_clock_that_ran_ahead_does_not_bar_it_for_years() -> None:
    chunking.failed(NOW + timedelta(days=3650))

    assert not chunking.fails(NOW)


def test_the_rest_of_the_row_stays() -> None:
    MailService.objects.update_or_create(pk=1, defaults={"failures": 2, "site_url": "https://example.com"})
    chunking.failed(NOW)

    row = MailService.load()
    assert (row.failures, row.site_url) == (2, "https://example.com")


@pytest.mark.parametrize(
    ("pipeline", "ahead", "lines", "at_once"),
    [(8, 100, 4, 8), (8, 100, 20, 7), (8, 100, 50, 4), (8, 0, 4, 2), (1, 100, 4, 1), (100, 100, 1, 100)],
)
def test_a_run_has_as_many_on_their_way_as_stand_as_being_sent_anyway(
    settings: LazySettings, pipeline: int, ahead: int, lines: int, at_once: int
) -> None:
    settings.SMTP_PIPELINE, settings.SMTP_CLAIMS_AHEAD, settings.SMTP_CONNECTIONS = pipeline, ahead, lines
    assert pipelines() == at_once
    chunking.failed(NOW)

    assert pipelines() == 1


def pipelines() -> int:
    transport = configured.of_a_run(NOW)
    assert isinstance(transport, SmtpTransport)
    return transport.options.pipeline


def test_a_trial_letter_goes_by_data() -> None:
    transport = configured.from_settings()
    assert isinstance(transport, SmtpTransport)
    assert transport.options.pipeline == 1
