from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db.models import Count, F, Q
from django.utils import timezone

from mailing.choices import AttemptStatus, DeliveryStatus, MailingStatus
from mailing.demo import people, seeding
from mailing.models import Attempt, Client, Delivery, Mailing, Message, Suppression

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def demo_mode(settings: LazySettings) -> None:
    settings.DEBUG = True  # pytest-django turns it off


def test_makes_a_believable_company() -> None:
    call_command("seed_demo")
    assert (Client.objects.count(), Message.objects.count(), Mailing.objects.count()) == (600, 5, 6)
    assert Message.objects.filter(is_html=True).count() == 2
    assert Suppression.objects.count() > 5
    assert {user.username for user in User.objects.all()} == {"admin", "manager", "editor", "viewer"}


def test_twice_changes_nothing() -> None:
    call_command("seed_demo")
    models = (Client, Message, Mailing, Attempt, Delivery, Suppression, User)
    before = [model.objects.count() for model in models]
    User.objects.get(username="viewer").groups.clear()
    call_command("seed_demo")
    assert [model.objects.count() for model in models] == before
    assert not User.objects.get(username="viewer").groups.exists()


def test_more_clients_are_added_to_those_that_are_there() -> None:
    call_command("seed_demo", "--clients", "30")
    call_command("seed_demo", "--clients", "40")
    assert Client.objects.count() == 40


def test_every_attempt_of_the_history_balances() -> None:
    call_command("seed_demo")
    finished = Attempt.objects.exclude(status=AttemptStatus.MISSED)
    unbalanced = finished.exclude(audience=F("sent") + F("failed") + F("unconfirmed") + F("skipped"))
    assert finished.count() > 30
    assert not unbalanced.exists()
    counted = finished.annotate(rows=Count("deliveries"), accepted=Count("deliveries", Q(deliveries__status="sent")))
    assert all((row.rows, row.accepted) == (row.audience, row.sent) for row in counted)


def test_the_history_shows_every_kind_of_trouble() -> None:
    call_command("seed_demo")
    assert set(Attempt.objects.values_list("status", flat=True)) == set(AttemptStatus) - {AttemptStatus.RUNNING}
    assert set(Delivery.objects.values_list("status", flat=True)) >= {
        DeliveryStatus.FAILED,
        DeliveryStatus.UNCONFIRMED,
    }
    assert Suppression.objects.filter(reason="hard_bounce", attempt__isnull=False).exists()
    assert not Delivery.objects.exclude(status=DeliveryStatus.SENT).filter(reason="").exists()


def test_the_mailings_stand_in_different_states_and_one_is_due_within_the_minute() -> None:
    call_command("seed_demo")
    assert set(Mailing.objects.values_list("status", flat=True)) == set(MailingStatus)
    assert Mailing.objects.filter(is_paused=True).exists()
    soon = Mailing.objects.get(name=seeding.WELCOME)
    assert timezone.now() < soon.start_at < timezone.now() + timedelta(minutes=1)
    assert soon.next_run_at == soon.start_at
    assert soon.schedule is not None


def test_no_other_mailing_is_due_at_once() -> None:
    call_command("seed_demo")
    assert not Mailing.objects.active().exclude(active_since=None).filter(next_run_at__lte=timezone.now()).exists()


def test_the_logins_are_printed_and_belong_to_their_groups(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("seed_demo")
    printed = capsys.readouterr().out
    for name in ("Manager", "Editor", "Viewer"):
        (user,) = User.objects.filter(groups__name=name)
        assert user.username in printed
        assert user.check_password("demo")


def test_names_are_declined_by_sex_and_addresses_cannot_exist() -> None:
    for client in people.clients(300):
        family, name, father = client.full_name.split()
        woman = name in people.WOMEN
        assert father in {pair[woman] for pair in people.FATHERS}
        assert family in {pair[woman] for pair in people.FAMILIES}
        assert client.email.endswith(".example")
        assert client.email.isascii()


def test_the_demo_is_refused_where_debug_is_off(settings: LazySettings) -> None:
    settings.DEBUG = False
    with pytest.raises(CommandError, match="DEBUG"):
        call_command("seed_demo")
    assert not User.objects.exists()


def test_a_failed_attempt_groups_its_refusals_in_the_words_of_the_server() -> None:
    call_command("seed_demo")
    failed = Attempt.objects.filter(status__in=(AttemptStatus.PARTLY, AttemptStatus.FAILED))
    assert all(
        sum(group["count"] for group in attempt.reasons) == attempt.failed + attempt.unconfirmed for attempt in failed
    )
    assert any("5.1.1" in attempt.response for attempt in failed)
