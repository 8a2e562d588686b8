"""When a letter was decided last: by it, and not by its lease, a run is told to get on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.utils import timezone

from mailing.services.runs import slice as slices
from tests.services.runs.working import ALWAYS, misbehave, run, start
from tests.smtp.script import Fault
from tests.smtp.server import Server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("quick")]


@pytest.fixture(autouse=True)
def _slow(monkeypatch: pytest.MonkeyPatch, settings: LazySettings, server: Server) -> None:
    monkeypatch.setattr(slices, "TOLD_EVERY", timedelta(0))
    settings.SMTP_CONNECTIONS = 1
    server.delay = 0.1


def test_a_run_notes_that_letters_are_decided(server: Server) -> None:
    misbehave(server, Fault("dot", "delay", times=ALWAYS))
    attempt = start(30)
    begun = timezone.now()
    run(attempt)
    assert attempt.sent == 30
    assert attempt.decided_at is not None
    assert begun < attempt.decided_at <= timezone.now()


def test_a_run_that_holds_its_lease_and_decides_nothing_notes_nothing(server: Server) -> None:
    misbehave(server, Fault("connect", "hang", times=ALWAYS))
    attempt = start(3)
    run(attempt)
    assert (attempt.sent, attempt.slice_at is not None) == (0, True)
    assert attempt.decided_at is None
