"""The start of a run: its row, what is sent, and to whom; and a retry."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from mailing.choices import AttemptStatus, Audience, DeliveryReason, DeliveryStatus, Hindrance, MailingStatus
from mailing.errors import AlreadyRunning, Refused
from mailing.models import Attempt, Delivery, Mailing
from mailing.services import runs
from mailing.services.runs import creation
from tests.chaos.books import balance
from tests.factories import (
    AttemptFactory,
    ClientFactory,
    DeliveryFactory,
    MailingFactory,
    MessageFactory,
    SuppressionFactory,
)

pytestmark = pytest.mark.django_db

NOW = timezone.now()


def start(mailing: Mailing, occurrence: object = None, trigger: str = "manual") -> Attempt:
    return runs.start(mailing, occurrence=occurrence, trigger=trigger)  # type: ignore[arg-type]


def rows(attempt: Attempt) -> list[tuple[str, str, str]]:
    return list(attempt.deliveries.order_by("pk").values_list("email", "status", "reason"))


def test_the_audience_is_one_delivery_per_selected_client() -> None:
    """Rule 1 of a run."""
    mailing = MailingFactory.create(clients=3)
    ClientFactory.create()
    attempt = start(mailing)
    emails = mailing.clients.order_by("pk").values_list("email", flat=True)
    assert rows(attempt) == [(email, "queued", "") for email in emails]
    assert attempt.audience == 3
    balance(attempt)


@pytest.mark.parametrize("sql", [creation.SELECTED % (1, "'@x>'", "''", 1), creation.EVERYONE % (1, "'@x>'", "''")])
def test_the_audience_is_read_in_the_order_of_an_index_and_never_sorted(sql: str) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL sorts what it takes for small")
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        assert "TEMP B-TREE" not in str(cursor.fetchall())


def test_a_delivery_is_repeated_once_at_most() -> None:
    old = DeliveryFactory.create(status=DeliveryStatus.FAILED)
    DeliveryFactory.create(retry_of=old)
    with pytest.raises(IntegrityError), transaction.atomic():
        DeliveryFactory.create(retry_of=old)


def test_rows_that_repeat_nobody_are_in_no_index_of_repetitions() -> None:
    """Nearly every row of an audience: each entry would cost its run."""
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, "mailing_delivery")
    about = {name: one for name, one in found.items() if "retry_of_id" in one["columns"]}
    assert list(about) == ["delivery_retried_once"]


def test_a_selected_client_on_the_stop_list_is_shown_as_skipped() -> None:
    gone, bounced, fine = clients = ClientFactory.create_batch(3)
    SuppressionFactory.create(email=gone.email, reason="unsubscribed")
    SuppressionFactory.create(email=bounced.email, reason="hard_bounce")
    attempt = start(MailingFactory.create(clients=clients))
    assert rows(attempt) == [
        (gone.email, "skipped", "unsubscribed"),
        (bounced.email, "skipped", "suppressed"),
        (fine.email, "queued", ""),
    ]
    balance(attempt)


def test_everyone_means_everyone_who_receives_mail() -> None:
    gone, *others = ClientFactory.create_batch(3)
    SuppressionFactory.create(email=gone.email)
    attempt = start(MailingFactory.create(audience=Audience.EVERYONE))
    assert [email for email, *_ in rows(attempt)] == [client.email for client in others]
    assert attempt.audience == 2


def test_the_message_id_is_made_with_the_row_and_differs_from_client_to_client() -> None:
    """Rule 3 of a run."""
    attempt = start(MailingFactory.create(clients=3))
    ids = set(attempt.deliveries.values_list("message_id", flat=True))
    assert len(ids) == 3
    assert all(text.startswith("<") and text.endswith("@example.com>") for text in ids)


def test_the_run_keeps_what_it_sends(settings: LazySettings) -> None:
    """Rule 1 of a run."""
    settings.DEFAULT_FROM_EMAIL = "Samovar <samovar@example.com>"
    message = MessageFactory.create(subject="Привет, {{ full_name }}", body="<p>Текст</p>", is_html=True)
    attempt = start(
        MailingFactory.create(message=message, from_name='Кофейня "Самовар"', reply_to="a@example.com", clients=1)
    )
    message.subject, message.body = "Другое", "другое"
    message.save()
    attempt.refresh_from_db()
    assert attempt.subject == "Привет, {{ full_name }}"
    assert "Текст" in attempt.html_body
    assert "Текст" in attempt.text_body
    assert attempt.reply_to == "a@example.com"
    assert attempt.from_email == '"Кофейня \\"Самовар\\"" <samovar@example.com>'
    composed = runs.compose_attempt(attempt)
    assert composed.sender == "samovar@example.com"


def test_the_first_run_makes_a_mailing_running() -> None:
    mailing = MailingFactory.create(clients=1)
    start(mailing)
    mailing.refresh_from_db()
    assert mailing.status == MailingStatus.RUNNING


def test_a_second_run_beside_a_running_one_is_answered_with_its_number() -> None:
    """Rule 4 of the calendar."""
    mailing = MailingFactory.create(clients=1)
    first = start(mailing)
    with pytest.raises(AlreadyRunning, match=str(first.pk)) as refused:
        start(mailing)
    assert refused.value.attempt == first
    assert mailing.attempts.count() == 1


def test_an_occurrence_runs_once() -> None:
    """Rule 4 of the calendar."""
    mailing = MailingFactory.create(clients=1)
    first = start(mailing, NOW, "schedule")
    runs.close(first, reason=DeliveryReason.NEXT_RUN)
    with pytest.raises(AlreadyRunning) as refused:
        start(mailing, NOW, "schedule")
    assert refused.value.attempt == first


def test_a_broken_message_is_refused_in_words() -> None:
    mailing = MailingFactory.create(message=MessageFactory.create(body="{{ nmae }}"), clients=1)
    with pytest.raises(Refused, match="nmae"):
        start(mailing)
    assert not mailing.attempts.exists()


def test_a_scheduled_run_of_a_broken_message_stands_as_failed() -> None:
    mailing = MailingFactory.create(message=MessageFactory.create(body="{{ nmae }}"), clients=1)
    attempt = start(mailing, NOW, "schedule")
    attempt.refresh_from_db()
    assert attempt.status == AttemptStatus.FAILED
    assert attempt.hindered_by == Hindrance.BROKEN_MESSAGE
    assert "nmae" in attempt.note_text
    assert attempt.finished_at is not None


@pytest.mark.django_db(transaction=True)
def test_six_who_start_the_same_mailing_at_once_make_one_run() -> None:
    """Rule 4 of the calendar."""
    mailing = MailingFactory.create(clients=3)
    gate, started, refused = threading.Barrier(6), [], []

    def press() -> None:
        gate.wait()
        try:
            started.append(start(mailing).pk)
        except AlreadyRunning as answer:
            refused.append(answer.attempt.pk)
        finally:
            connection.close()

    people = [threading.Thread(target=press) for _ in range(6)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert len(started) == 1
    assert refused == started * 5
    assert Delivery.objects.count() == 3


class TestRetry:
    def ended(self, **statuses: tuple[str, str]) -> Attempt:
        """A finished attempt with one delivery per name: (status, reason)."""
        attempt = AttemptFactory.create(
            status="failed", subject="Тема", text_body="Текст", from_email="a@example.com", audience=len(statuses)
        )
        for name, (status, reason) in statuses.items():
            DeliveryFactory.create(
                attempt=attempt, client__email=f"{name}@x.ru", status=status, reason=reason, message_id=f"<{name}@x>"
            )
        return attempt

    def retried(self, attempt: Attempt, *, unconfirmed: bool = False) -> list[str]:
        again = runs.start_retry(attempt, by=None, unconfirmed=unconfirmed)
        balance(again)
        return [row.email.partition("@")[0] for row in again.deliveries.order_by("pk")]

    def mixed(self) -> Attempt:
        return self.ended(
            fine=("sent", ""),
            refused=("failed", "refused"),
            cut=("skipped", "ended"),
            left=("skipped", "unsubscribed"),
            unknown=("unconfirmed", "line_lost"),
        )

    def test_it_is_for_the_failed_and_the_unsent(self) -> None:
        """Rule 10 of a run."""
        assert self.retried(self.mixed()) == ["refused", "cut"]

    def test_the_unconfirmed_are_asked_for_separately(self) -> None:
        """Rule 10 of a run."""
        assert self.retried(self.mixed(), unconfirmed=True) == ["refused", "cut", "unknown"]

    def test_it_keeps_message_and_message_id_and_leaves_the_old_rows_alone(self) -> None:
        """Rules 3 and 10 of a run."""
        attempt = self.ended(refused=("failed", "refused"))
        again = runs.start_retry(attempt, by=None)
        old, new = attempt.deliveries.get(), again.deliveries.get()
        assert (new.message_id, new.retry_of, new.status) == ("<refused@x>", old, DeliveryStatus.QUEUED)
        assert (old.status, old.reason) == ("failed", "refused")
        assert (again.subject, again.text_body, again.retry_of, again.trigger) == ("Тема", "Текст", attempt, "retry")

    def test_nobody_is_taken_up_twice_from_the_older_attempt(self) -> None:
        """Rule 10 of a run."""
        attempt = self.mixed()
        first = runs.start_retry(attempt, by=None)
        runs.close(first, reason=DeliveryReason.FINISHED)
        with pytest.raises(Refused) as refused:
            runs.start_retry(attempt, by=None)
        assert refused.value.message is creation.NOTHING_TO_RETRY
        assert self.retried(first) == ["refused", "cut"]

    def test_it_is_refused_beside_a_running_attempt(self) -> None:
        attempt = self.mixed()
        runs.start_retry(attempt, by=None)
        with pytest.raises(AlreadyRunning):
            runs.start_retry(attempt, by=None, unconfirmed=True)

    def test_after_the_purge_it_is_refused_in_words(self, settings: LazySettings) -> None:
        """Rule 10 of a run."""
        attempt = self.mixed()
        Attempt.objects.filter(pk=attempt.pk).update(finished_at=NOW - timedelta(days=91))
        assert runs.purge(NOW, batch=3) == 3
        assert runs.purge(NOW) == 2
        assert runs.purge(NOW) == 0
        with pytest.raises(Refused) as refused:
            runs.start_retry(attempt, by=None)
        assert refused.value.message is creation.PURGED
