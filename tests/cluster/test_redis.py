"""The Redis broker by one setting: the same promises."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from mailing.choices import AttemptStatus, Periodicity
from mailing.models import Attempt
from mailing.services.mailings import lifecycle
from tests.cluster.conftest import Start
from tests.factories import ClientFactory, MailingFactory
from tests.processes import wait_for
from tests.smtp.server import Server

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server here (apt-get install redis)"),
]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[str]:
    """A server of the test's own; its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    with (tmp_path / "redis.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_for(lambda: answers(port), what="redis")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(10)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_two_clusters_on_redis_run_what_is_due_once(redis: str, start: Start, mail: Server) -> None:
    begin = timezone.now() + timedelta(seconds=6)
    client = ClientFactory()
    for _ in range(10):
        lifecycle.launch(MailingFactory(clients=[client], start_at=begin, periodicity=Periodicity.DAILY))
    start(REDIS_URL=redis)
    start(REDIS_URL=redis)

    wait_for(lambda: Attempt.objects.filter(status=AttemptStatus.SUCCEEDED).count() >= 10, seconds=60)

    assert Attempt.objects.count() == 10
    assert mail.recipients[client.email] == 10


@pytest.mark.slow
@pytest.mark.skipif(connection.vendor != "postgresql", reason="the growth path is PostgreSQL and Redis")
def test_a_large_mailing_on_two_workers_is_balanced_and_exact(redis: str, start: Start, mail: Server) -> None:
    clients = ClientFactory._meta.model.objects
    clients.bulk_create(ClientFactory.build_batch(20_000), batch_size=2000)
    start(REDIS_URL=redis, MAILING_SLICE_SECONDS="3")

    attempt = lifecycle.send_now(MailingFactory(audience="everyone"))

    wait_for(lambda: Attempt.objects.exclude(status=AttemptStatus.RUNNING).exists(), seconds=400)
    attempt.refresh_from_db()
    assert (attempt.status, attempt.audience, attempt.sent) == (AttemptStatus.SUCCEEDED, 20_000, 20_000)
    assert len(mail.recipients) == 20_000
    assert set(mail.recipients.values()) == {1}
