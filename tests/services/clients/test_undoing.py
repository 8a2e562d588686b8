"""What has just been done is taken back: by whoever did it, once, in time, and only as long as it is still so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.utils import timezone

from mailing.choices import AttemptStatus, MailingStatus, Periodicity, SuppressionReason, UndoKind
from mailing.errors import NotAllowed, Refused
from mailing.models import Attempt, Client, Mailing, Suppression, Undo, UndoEntry
from mailing.services.access import undos
from mailing.services.clients import bulk_suppression, erasure, suppression, undoing
from mailing.services.mailings import lifecycle, recipients
from mailing.services.operations import reconciler
from tests.factories import AttemptFactory, ClientFactory, MailingFactory, SuppressionFactory, UserFactory

pytestmark = pytest.mark.django_db


def person(group: str) -> User:
    user = UserFactory()
    user.groups.add(Group.objects.get(name=group))
    return User.objects.get(pk=user.pk)


@pytest.fixture
def anna() -> User:
    return person("Manager")


def paused(mailing: Mailing, by: User) -> Undo:
    undo = undos.of_pause([lifecycle.pause(mailing, by=by)], by=by)
    assert undo is not None
    return undo


def removed(mailing: Mailing, by: User) -> Undo:
    undo = undos.begin(UndoKind.REMOVAL, by=by)
    recipients.remove_from_mailing(mailing, Client.objects.all(), by=by, undo=undo)
    return undo


def stopped(by: User) -> Undo:
    undo = undos.begin(UndoKind.STOP, by=by)
    bulk_suppression.stop_clients(Client.objects.all(), by=by, undo=undo)
    return undo


def lifted(by: User) -> Undo:
    undo = undos.begin(UndoKind.LIFT, by=by)
    suppression.lift_many(Suppression.objects.all(), by=by, undo=undo)
    return undo


def listed() -> list[dict[str, Any]]:
    return list(Suppression.objects.order_by("email").values().values_list(*COLUMNS))  # type: ignore[arg-type]


COLUMNS = ("email", "reason", "note", "manual_note", "attempt", "created_by", "created_at")


# --- each kind -------------------------------------------------------------------------------------------


def test_a_pause_is_undone_as_if_somebody_had_resumed_the_mailing(anna: User) -> None:
    """Rule 5 of the calendar: what fell due meanwhile is treated as after any other pause."""
    began = timezone.now() - timedelta(days=3, hours=1)
    twins = [
        MailingFactory(
            start_at=began, active_since=began, periodicity=Periodicity.DAILY, status=MailingStatus.RUNNING,
            clients=[ClientFactory()],
        )
        for _twin in range(2)
    ]  # fmt: skip
    for twin in twins:
        AttemptFactory(mailing=twin, occurrence=began + timedelta(days=3), status=AttemptStatus.SUCCEEDED)
    undo = paused(twins[0], anna)
    lifecycle.pause(twins[1], by=anna)

    undoing.undo(undo.pk, by=anna)
    lifecycle.resume(twins[1], by=anna)

    one, other = (Mailing.objects.get(pk=twin.pk) for twin in twins)
    assert not one.is_paused
    assert (one.next_run_at, one.status, one.held_at) == (other.next_run_at, other.status, other.held_at)
    assert [list(twin.attempts.values_list("status", "hindered_by")) for twin in (one, other)] == [
        list(other.attempts.values_list("status", "hindered_by"))
    ] * 2
    assert LogEntry.objects.filter(user=anna, object_id=str(one.pk), change_message="Resumed.").exists()


def test_removed_recipients_are_put_back_the_same_ones_and_no_others(anna: User) -> None:
    mailing = MailingFactory(clients=[ClientFactory() for _number in range(3)])
    before = set(mailing.clients.values_list("pk", flat=True))
    ClientFactory()
    undo = removed(mailing, anna)
    assert not mailing.clients.exists()
    assert undoing.undo(undo.pk, by=anna).number == 3
    assert set(mailing.clients.values_list("pk", flat=True)) == before
    assert LogEntry.objects.filter(user=anna, object_id=str(mailing.pk), change_message__startswith="Undone").exists()


def test_whoever_was_put_on_the_stop_list_is_off_it_and_who_was_on_it_is_as_before(anna: User) -> None:
    attempt = AttemptFactory()
    SuppressionFactory(email=ClientFactory().email, reason=SuppressionReason.UNSUBSCRIBED, note="")
    SuppressionFactory(
        email=ClientFactory().email, reason=SuppressionReason.HARD_BOUNCE, attempt=attempt, note="550 no such user"
    )
    SuppressionFactory(email=ClientFactory().email, reason=SuppressionReason.MANUAL, note="rang", created_by=anna)
    ClientFactory(email="fresh@mail.example")
    before = listed()
    undo = stopped(anna)
    assert listed() != before
    undoing.undo(undo.pk, by=anna)
    assert listed() == before
    assert LogEntry.objects.filter(user=anna, action_flag=3).exists()


def test_entries_that_were_taken_off_come_back_word_for_word(anna: User) -> None:
    SuppressionFactory(reason=SuppressionReason.UNSUBSCRIBED, note="by the link", manual_note="rang, too")
    SuppressionFactory(reason=SuppressionReason.HARD_BOUNCE, attempt=AttemptFactory(), note="550")
    SuppressionFactory(reason=SuppressionReason.MANUAL, created_by=anna)
    before = listed()
    undo = lifted(anna)
    assert not Suppression.objects.exists()
    assert undoing.undo(undo.pk, by=anna).number == 3
    assert listed() == before


def test_one_address_by_hand_is_taken_back_too(anna: User) -> None:
    undo = undos.begin(UndoKind.STOP, by=anna)
    suppression.suppress(" Somebody@Mail.Example", SuppressionReason.MANUAL, by=anna, undo=undo)
    undoing.undo(undo.pk, by=anna)
    assert not Suppression.objects.exists()


# --- whose, how often, how long ----------------------------------------------------------------------------


ACTS: dict[str, Callable[[User], Undo]] = {
    "pause": lambda by: paused(MailingFactory(clients=[ClientFactory()]), by),
    "removal": lambda by: removed(MailingFactory(clients=[ClientFactory()]), by),
    "stop": lambda by: (ClientFactory(), stopped(by))[1],
    "lift": lambda by: (SuppressionFactory(), lifted(by))[1],
}
each = pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)


def refusal(undo: Undo, by: User) -> str:
    with pytest.raises(Refused) as refused:
        undoing.undo(undo.pk, by=by)
    return str(refused.value)


@each
def test_it_is_done_once(anna: User, act: Callable[[User], Undo]) -> None:
    undo = act(anna)
    undoing.undo(undo.pk, by=anna)
    assert refusal(undo, anna) == "That has been undone already."


@each
def test_it_belongs_to_whoever_did_it(anna: User, act: Callable[[User], Undo]) -> None:
    undo = act(anna)
    assert refusal(undo, UserFactory(is_superuser=True)) == "There is nothing to undo any more."
    undoing.undo(undo.pk, by=anna)


@each
def test_after_a_quarter_of_an_hour_it_is_too_late(anna: User, act: Callable[[User], Undo]) -> None:
    undo = act(anna)
    Undo.objects.update(expires_at=timezone.now())
    assert "15 minutes" in refusal(undo, anna)


@each
def test_the_right_to_do_it_is_asked_for_again(anna: User, act: Callable[[User], Undo]) -> None:
    undo = act(anna)
    anna.groups.set(Group.objects.filter(name="Viewer"))
    viewer = User.objects.get(pk=anna.pk)
    with pytest.raises(NotAllowed):
        undoing.undo(undo.pk, by=viewer)
    assert Undo.objects.get(pk=undo.pk).used_at is None


def test_an_editor_puts_nobody_back_into_a_mailing_that_was_activated_meanwhile() -> None:
    editor = person("Editor")
    mailing = MailingFactory(is_paused=True, clients=[ClientFactory()])
    undo = removed(mailing, editor)
    Mailing.objects.filter(pk=mailing.pk).update(is_paused=False)
    with pytest.raises(NotAllowed):
        undoing.undo(undo.pk, by=editor)
    assert not mailing.clients.exists()


# --- what somebody else did meanwhile --------------------------------------------------------------------


def test_a_pause_that_somebody_ended_or_edited_since_is_left_alone(anna: User) -> None:
    boris = person("Manager")
    resumed, edited = (MailingFactory(clients=[ClientFactory()]) for _number in range(2))
    first, second = paused(resumed, anna), paused(edited, anna)
    lifecycle.resume(resumed, by=boris)
    lifecycle.pause(resumed, by=boris)
    edited.refresh_from_db()
    edited.name = "Renamed"
    edited.save()
    for undo in (first, second):
        assert "was changed" in refusal(undo, anna)
    assert Mailing.objects.filter(is_paused=True).count() == 2


def test_a_mailing_that_is_gone_or_over_is_told_so(anna: User) -> None:
    gone, over = (MailingFactory(clients=[ClientFactory()]) for _number in range(2))
    undo, removal = paused(gone, anna), removed(over, anna)
    ended = paused(MailingFactory(clients=[ClientFactory()]), anna)
    Mailing.objects.filter(pk=ended.mailings[0]["pk"]).update(status=MailingStatus.FINISHED)
    lifecycle.delete(Mailing.objects.get(pk=gone.pk), by=anna)
    lifecycle.delete(Mailing.objects.get(pk=over.pk), by=anna)
    assert "does not exist" in refusal(undo, anna)
    assert "does not exist" in refusal(removal, anna)
    assert "has ended" in refusal(ended, anna)


def test_of_several_mailings_those_that_can_go_on_do_and_the_others_are_named(anna: User) -> None:
    mailings = [MailingFactory(name=f"Tea {number}", clients=[ClientFactory()]) for number in range(3)]
    undo = undos.of_pause([lifecycle.pause(mailing, by=anna) for mailing in mailings], by=anna)
    assert undo is not None
    lifecycle.resume(mailings[1], by=person("Manager"))
    done = undoing.undo(undo.pk, by=anna)
    assert done.number == 2
    assert [refusal.startswith("Tea 1: ") for refusal in done.refusals] == [True]


def test_clients_who_were_deleted_or_added_again_meanwhile_do_no_harm(anna: User) -> None:
    stays, goes = ClientFactory(), ClientFactory()
    mailing = MailingFactory(clients=[stays, goes])
    undo = removed(mailing, anna)
    erasure.delete(Client.objects.filter(pk=goes.pk), by=None)
    assert not Undo.clients.through.objects.filter(client_id=goes.pk).exists()
    assert undoing.undo(undo.pk, by=anna).number == 1
    assert list(mailing.clients.all()) == [stays]

    again = removed(mailing, anna)
    mailing.clients.add(stays)
    assert "again already" in refusal(again, anna)


def test_a_goodbye_said_meanwhile_stands(anna: User) -> None:
    client = ClientFactory()
    undo = stopped(anna)
    suppression.unsubscribe(client.email)
    assert "since" in refusal(undo, anna)
    assert Suppression.objects.get().reason == SuppressionReason.UNSUBSCRIBED

    back = lifted(anna)
    suppression.unsubscribe(client.email)
    assert "since" in refusal(back, anna)
    assert Suppression.objects.get().reason == SuppressionReason.UNSUBSCRIBED


# --- how much, how long it is kept -----------------------------------------------------------------------------


def test_too_much_to_keep_cannot_be_undone_and_nothing_is_kept(anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(undos, "MOST", 2)
    mailing = MailingFactory(clients=[ClientFactory() for _number in range(3)])
    undo = removed(mailing, anna)
    assert not mailing.clients.exists()
    assert not undos.is_open(undo)
    assert not Undo.objects.exists()


def test_a_hundred_thousand_are_kept_and_put_back_in_a_few_statements(
    anna: User, django_assert_max_num_queries: Any
) -> None:
    mailing = MailingFactory(clients=[])
    Client.objects.bulk_create([Client(email=f"{number}@mail.example") for number in range(3_000)])
    recipients.insert(mailing, Client.objects.all())
    with django_assert_max_num_queries(24):
        undo = removed(mailing, anna)
        undoing.undo(undo.pk, by=anna)
    assert mailing.clients.count() == 3_000


def test_the_tick_clears_away_what_is_over_and_a_day_later_its_row(anna: User) -> None:
    SuppressionFactory()
    lift, removal = lifted(anna), removed(MailingFactory(clients=[ClientFactory()]), anna)
    now = timezone.now() + undos.LASTS
    assert UndoEntry.objects.exists()
    reconciler.tick(now)
    assert not UndoEntry.objects.exists()
    assert not Undo.clients.through.objects.exists()
    assert "15 minutes" in _late(lift, anna, now)
    reconciler.tick(now + undos.TOLD_FOR)
    assert not Undo.objects.filter(pk__in=[lift.pk, removal.pk]).exists()


def _late(undo: Undo, by: User, now: Any) -> str:
    with pytest.raises(Refused) as refused:
        undos.claim(undo.pk, by=by, now=now)
    return str(refused.value)


def test_nothing_of_somebody_forgotten_comes_back(anna: User) -> None:
    client = ClientFactory(email="eva@mail.example")
    SuppressionFactory(email=client.email, note="eva@mail.example rang")
    mailing = MailingFactory(clients=[client])
    removal, lift = removed(mailing, anna), lifted(anna)
    erasure.forget(client, by=None)
    assert not UndoEntry.objects.exists()
    assert "15 minutes" in refusal(lift, anna)
    refusal(removal, anna)
    assert not Suppression.objects.exists()
    assert not Attempt.objects.exists()
