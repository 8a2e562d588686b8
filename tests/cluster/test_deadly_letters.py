"""A letter that ends every process that composes it: its run is put aside, the others go on."""

from __future__ import annotations

import pytest

from mailing.choices import AttemptStatus, DeliveryReason
from mailing.models import Attempt, Mailing, StaffNotice
from mailing.services.mailings import lifecycle
from tests.cluster.conftest import Start
from tests.cluster.deadly import DEADLY
from tests.factories import MailingFactory, MessageFactory, UserFactory
from tests.processes import environment, manage, wait_for
from tests.smtp.server import Server

pytestmark = [pytest.mark.cluster, pytest.mark.django_db(transaction=True)]

SETTINGS = {"DJANGO_SETTINGS_MODULE": "tests.cluster.deadly"}


@pytest.fixture
def deadly(transactional_db: None) -> Mailing:
    author = UserFactory.create(email="author@example.com")
    return MailingFactory.create(message=MessageFactory.create(subject=DEADLY), clients=3, created_by=author)


def is_put_aside(mailing: Mailing) -> bool:
    return mailing.attempts.filter(status=AttemptStatus.FAILED, cut_short=DeliveryReason.PUT_ASIDE).exists()


def test_a_cluster_buries_two_workers_and_goes_on(start: Start, mail: Server, deadly: Mailing) -> None:
    """Rule 8 of a run."""
    cluster = start(**SETTINGS)
    lifecycle.launch(deadly)
    other = lifecycle.launch(MailingFactory.create(clients=3))

    wait_for(lambda: other.attempts.filter(status=AttemptStatus.SUCCEEDED).exists())
    wait_for(lambda: is_put_aside(deadly))

    attempt = deadly.attempts.get()
    assert (attempt.deaths, attempt.sent, attempt.failed) == (2, 0, 3)
    wait_for(lambda: StaffNotice.objects.filter(email="author@example.com", attempt=attempt).exists())
    later = lifecycle.launch(MailingFactory.create(clients=2))
    wait_for(lambda: later.attempts.filter(status=AttemptStatus.SUCCEEDED).exists())
    assert cluster.poll() is None
    assert len(mail.accepted) >= 5


def test_the_command_line_dies_twice_and_is_answered_the_third_time(mail: Server, deadly: Mailing) -> None:
    env = environment(**SETTINGS, MAILING_LEASE_SECONDS="6")
    for _ in range(2):
        assert manage("run_mailing", str(deadly.pk), "--again", env=env).returncode == 139
        assert Attempt.objects.get().status == AttemptStatus.RUNNING
    assert manage("tick", env=env).returncode == 0
    answer = manage("run_mailing", str(deadly.pk), "--again", env=env)
    assert is_put_aside(deadly), answer.stderr
    assert answer.returncode not in (0, 139)
    assert "put aside" in answer.stdout + answer.stderr
