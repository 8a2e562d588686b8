"""How a run ends: succeeded, partly or failed. The edges, one by one (rule 7 of a run)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.utils import timezone

from mailing.choices import AttemptStatus, DeliveryReason, DeliveryStatus
from mailing.models import Attempt, Client, Suppression
from mailing.services import runs
from tests.services.runs.working import ALWAYS, counts, misbehave, run, set_mailing, start
from tests.smtp.script import Fault
from tests.smtp.server import Server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("quick")]


@pytest.mark.parametrize(
    ("numbers", "cut_short", "end"),
    [
        ({"audience": 3, "sent": 3}, "", AttemptStatus.SUCCEEDED),
        ({"audience": 3, "sent": 1, "skipped": 2}, "", AttemptStatus.SUCCEEDED),  # who must not be written to
        ({"audience": 5000, "sent": 4999, "failed": 1}, "", AttemptStatus.PARTLY),
        ({"audience": 3, "sent": 1, "failed": 2}, "", AttemptStatus.PARTLY),
        ({"audience": 3, "sent": 2, "unconfirmed": 1}, "", AttemptStatus.PARTLY),
        ({"audience": 3, "sent": 1, "failed": 1, "unconfirmed": 1}, "", AttemptStatus.PARTLY),
        ({"audience": 3, "failed": 3}, "", AttemptStatus.FAILED),
        ({"audience": 3, "unconfirmed": 3}, "", AttemptStatus.FAILED),  # nobody is known to have it
        ({"audience": 3, "skipped": 3}, "", AttemptStatus.FAILED),
        ({"audience": 0}, "", AttemptStatus.FAILED),
        ({"audience": 3, "sent": 2, "skipped": 1}, DeliveryReason.FINISHED, AttemptStatus.FAILED),
        ({"audience": 3, "sent": 2, "failed": 1}, DeliveryReason.RETRY_WINDOW, AttemptStatus.FAILED),
    ],
)
def test_the_end_follows_from_the_numbers(numbers: dict[str, int], cut_short: str, end: AttemptStatus) -> None:
    """Rule 7 of a run."""
    assert Attempt(cut_short=cut_short, **numbers).came_to() == end


def test_one_full_mailbox_among_many_is_partly(server: Server) -> None:
    attempt = start(20)
    full = attempt.deliveries.order_by("pk")[7].email
    misbehave(server, Fault("rcpt", "552 5.2.2 mailbox full", to=full))
    run(attempt)
    assert (attempt.status, counts(attempt)) == (AttemptStatus.PARTLY, (19, 1, 0, 0, 0))


def test_letters_put_off_until_the_tries_are_used_up_make_it_partly(server: Server, settings: LazySettings) -> None:
    settings.MAILING_RETRY_DELAYS = []
    attempt = start(3)
    misbehave(
        server, Fault("rcpt", "451 4.7.1 greylisted", to=attempt.deliveries.order_by("pk")[0].email, times=ALWAYS)
    )
    run(attempt)
    assert (attempt.status, counts(attempt)) == (AttemptStatus.PARTLY, (2, 1, 0, 0, 0))
    assert [group["reason"] for group in attempt.reasons] == ["tries_used_up"]


def test_who_must_not_be_written_to_spoils_nothing(server: Server) -> None:
    attempt = start(3)
    Suppression.objects.create(email=attempt.deliveries.order_by("pk")[0].email)
    Client.objects.filter(email=attempt.deliveries.order_by("pk")[1].email).delete()
    run(attempt)
    assert (attempt.status, counts(attempt)) == (AttemptStatus.SUCCEEDED, (1, 0, 0, 2, 0))


def test_everybody_on_the_stop_list_is_a_run_that_reached_nobody(server: Server) -> None:
    attempt = start(2)
    Suppression.objects.bulk_create(Suppression(email=row.email) for row in attempt.deliveries.all())
    run(attempt)
    assert (attempt.status, counts(attempt)) == (AttemptStatus.FAILED, (0, 0, 0, 2, 0))


def test_finished_when_everybody_had_the_letter_already_it_succeeded() -> None:
    """Staff press between the last letter and the end of the run."""
    attempt = decided(DeliveryStatus.SENT, DeliveryStatus.SENT)
    runs.cut_short(attempt.mailing)
    attempt.refresh_from_db()
    assert (attempt.status, attempt.cut_short, attempt.note_text) == (AttemptStatus.SUCCEEDED, "", "")


def test_finished_when_everybody_had_had_their_turn_it_is_partly() -> None:
    attempt = decided(DeliveryStatus.SENT, DeliveryStatus.FAILED)
    runs.cut_short(attempt.mailing)
    attempt.refresh_from_db()
    assert (attempt.status, attempt.cut_short, attempt.note_text) == (AttemptStatus.PARTLY, "", "")


def test_finished_with_one_letter_to_go_it_failed() -> None:
    attempt = decided(DeliveryStatus.SENT, DeliveryStatus.QUEUED)
    runs.cut_short(attempt.mailing)
    attempt.refresh_from_db()
    assert (attempt.status, attempt.cut_short) == (AttemptStatus.FAILED, DeliveryReason.FINISHED)


def test_the_end_date_in_its_middle_makes_it_fail(server: Server) -> None:
    attempt = decided(DeliveryStatus.SENT, DeliveryStatus.QUEUED)
    now = timezone.now()
    set_mailing(attempt, start_at=now - timedelta(hours=1), end_at=now)
    run(attempt)
    assert (attempt.status, counts(attempt)) == (AttemptStatus.FAILED, (1, 0, 0, 1, 0))


@pytest.mark.parametrize("reason", [DeliveryReason.NEXT_RUN, DeliveryReason.RETRY_WINDOW])
def test_a_rest_that_is_given_up_makes_it_fail_however_many_were_accepted(reason: DeliveryReason) -> None:
    attempt = decided(DeliveryStatus.SENT, DeliveryStatus.SENT, DeliveryStatus.DEFERRED)
    assert runs.close(attempt, reason=reason)
    attempt.refresh_from_db()
    assert (attempt.status, counts(attempt)) == (AttemptStatus.FAILED, (2, 1, 0, 0, 0))


def test_a_retry_is_judged_by_its_own_letters_and_leaves_the_first_as_it_was(server: Server) -> None:
    attempt = start(3)
    full = attempt.deliveries.order_by("pk")[0].email
    misbehave(server, Fault("rcpt", "552 5.2.2 mailbox full", to=full))
    run(attempt)
    again = runs.start_retry(attempt, by=None)
    run(again)
    attempt.refresh_from_db()
    assert (attempt.status, again.status) == (AttemptStatus.PARTLY, AttemptStatus.SUCCEEDED)
    assert counts(again) == (1, 0, 0, 0, 0)


def decided(*statuses: DeliveryStatus) -> Attempt:
    """A run that stands so: what became of each of its letters."""
    attempt = start(len(statuses))
    for row, status in zip(attempt.deliveries.order_by("pk"), statuses, strict=True):
        attempt.deliveries.filter(pk=row.pk).update(status=status)
    final = {name: statuses.count(DeliveryStatus(name)) for name in ("sent", "failed", "unconfirmed", "skipped")}
    Attempt.objects.filter(pk=attempt.pk).update(**final)
    attempt.refresh_from_db()
    return attempt
