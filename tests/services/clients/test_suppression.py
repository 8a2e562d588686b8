from __future__ import annotations

import pytest
from django.contrib.admin.models import ADDITION, DELETION, LogEntry
from django.contrib.auth.models import User
from pytest_django import DjangoAssertNumQueries

from mailing.choices import SuppressionReason as R
from mailing.errors import NotAllowed
from mailing.models import Client, Suppression
from mailing.services.clients import bulk_suppression, suppression
from tests.factories import AttemptFactory, ClientFactory, SuppressionFactory, UserFactory

pytestmark = pytest.mark.django_db


def reason_of(email: str) -> str | None:
    return Suppression.objects.filter(email=email).values_list("reason", flat=True).first()


def test_an_address_is_suppressed_once_however_often_it_is_asked() -> None:
    first = suppression.suppress(" Anna@Example.RU", R.HARD_BOUNCE, note="550 5.1.1 no")
    again = suppression.suppress("anna@example.ru", R.HARD_BOUNCE, note="550 5.1.1 still no")
    assert first == again
    assert (again.email, again.note) == ("anna@example.ru", "550 5.1.1 no")


@pytest.mark.parametrize(
    ("before", "then", "stays"),
    [
        (R.HARD_BOUNCE, R.UNSUBSCRIBED, R.UNSUBSCRIBED),
        (R.HARD_BOUNCE, R.MANUAL, R.MANUAL),
        (R.MANUAL, R.UNSUBSCRIBED, R.UNSUBSCRIBED),
        (R.UNSUBSCRIBED, R.HARD_BOUNCE, R.UNSUBSCRIBED),
        (R.UNSUBSCRIBED, R.MANUAL, R.UNSUBSCRIBED),
        (R.UNSUBSCRIBED, R.COMPLAINT, R.COMPLAINT),
        (R.COMPLAINT, R.UNSUBSCRIBED, R.COMPLAINT),
    ],
)
def test_the_weightier_reason_stays(before: R, then: R, stays: R) -> None:
    since = SuppressionFactory(email="a@b.ru", reason=before, note="first words", attempt=AttemptFactory()).created_at
    entry = suppression.suppress("a@b.ru", then, note="other words")
    assert entry.reason == stays
    assert "first words" in entry.note
    assert entry.created_at == since


def test_many_are_suppressed_in_a_constant_number_of_queries(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    suppression.suppress("client1@example.ru", R.UNSUBSCRIBED)
    with django_assert_max_num_queries(6):
        added = suppression.suppress_many((f"client{n}@example.ru" for n in range(300)), R.HARD_BOUNCE)
    assert added == 299
    assert reason_of("client1@example.ru") == R.UNSUBSCRIBED
    assert suppression.suppress_many(["x@y.ru", "X@Y.ru", ""], R.MANUAL) == 1


def test_lifting_needs_the_right_to_send_and_leaves_a_line_in_the_journal(superuser: User) -> None:
    entry = suppression.suppress("a@b.ru", R.MANUAL, by=superuser)
    with pytest.raises(NotAllowed):
        suppression.lift(entry, by=UserFactory())
    assert suppression.lift(entry, by=superuser)
    assert not suppression.lift(entry, by=superuser)
    assert [(line.action_flag, line.object_repr) for line in LogEntry.objects.order_by("pk")] == [
        (ADDITION, "a@b.ru"),
        (DELETION, "a@b.ru"),
    ]


@pytest.mark.parametrize("at_once", [1, 500])
def test_many_make_one_line_in_the_journal(superuser: User, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suppression, "AT_ONCE", at_once)
    suppression.suppress_many(["a@b.ru", "c@d.ru"], R.MANUAL, by=superuser)
    line = LogEntry.objects.get()
    assert (line.object_repr, line.change_message) == ("2 addresses", "a@b.ru, c@d.ru")


def test_undoing_an_attempt_spares_those_who_left_since(superuser: User) -> None:
    attempt, other = AttemptFactory(), AttemptFactory()
    for email in ("a@b.ru", "gone@b.ru"):
        SuppressionFactory(email=email, reason=R.HARD_BOUNCE, attempt=attempt)
    SuppressionFactory(email="other@b.ru", reason=R.HARD_BOUNCE, attempt=other)
    suppression.unsubscribe("gone@b.ru")
    assert suppression.of_attempt(attempt).count() == 1
    assert suppression.lift_all_of_attempt(attempt, by=superuser) == 1
    assert suppression.lift_all_of_attempt(attempt, by=superuser) == 0
    assert set(Suppression.objects.values_list("email", flat=True)) == {"gone@b.ru", "other@b.ru"}


@pytest.mark.parametrize(("reason", "back"), [(R.UNSUBSCRIBED, True), (R.COMPLAINT, False), (R.HARD_BOUNCE, False)])
def test_a_client_undoes_only_what_they_did(reason: R, back: bool) -> None:
    suppression.suppress("a@b.ru", reason)
    assert suppression.resubscribe("a@b.ru") is back
    assert (reason_of("a@b.ru") is None) is back


def test_who_was_listed_by_hand_stays_listed_after_leaving_and_coming_back() -> None:
    suppression.suppress("a@b.ru", R.MANUAL, note="asked by phone")
    suppression.unsubscribe("a@b.ru")
    assert reason_of("a@b.ru") == R.UNSUBSCRIBED

    assert suppression.resubscribe("a@b.ru")
    entry = Suppression.objects.get()
    assert (entry.reason, entry.note, entry.manual_note) == (R.MANUAL, "asked by phone", None)


@pytest.mark.parametrize("by_the_client_list", [True, False])
def test_who_had_left_and_is_then_listed_by_hand_stays_listed_after_coming_back(by_the_client_list: bool) -> None:
    suppression.unsubscribe("a@b.ru")
    if by_the_client_list:
        ClientFactory.create(email="a@b.ru")
        bulk_suppression.stop_clients(Client.objects.all(), by=None)
    else:
        suppression.suppress("a@b.ru", R.MANUAL)
    assert reason_of("a@b.ru") == R.UNSUBSCRIBED

    suppression.resubscribe("a@b.ru")
    assert reason_of("a@b.ru") == R.MANUAL


@pytest.mark.parametrize(
    ("reason", "follows"), [(R.UNSUBSCRIBED, True), (R.COMPLAINT, True), (R.MANUAL, True), (R.HARD_BOUNCE, False)]
)
def test_what_somebody_decided_goes_along_to_another_address_and_a_bounce_does_not(reason: R, follows: bool) -> None:
    SuppressionFactory(email="anna@example.ru", reason=reason, note="By telephone", manual_note="Twice")
    entry = suppression.follow("anna@example.ru", "anna.new@example.ru", by=UserFactory())
    assert (entry is not None) == follows
    assert reason_of("anna.new@example.ru") == (reason if follows else None)
    assert reason_of("anna@example.ru") == reason
    if entry:
        assert entry.note == "By telephone"


def test_a_goodbye_that_goes_along_still_covers_what_staff_decided() -> None:
    SuppressionFactory(email="anna@example.ru", reason=R.UNSUBSCRIBED, manual_note="By telephone")
    suppression.follow("anna@example.ru", "anna.new@example.ru", by=None)
    suppression.resubscribe("anna.new@example.ru")
    assert reason_of("anna.new@example.ru") == R.MANUAL
