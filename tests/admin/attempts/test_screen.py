"""Attempts and deliveries: read-only, exact, exportable, and fast to page through."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailing.choices import AttemptStatus, DeliveryReason, DeliveryStatus, SuppressionReason, Trigger, WaitsFor
from mailing.formatting import spoken
from mailing.models import Attempt, Client, Delivery, Heartbeat, Suppression
from tests.factories import AttemptFactory, DeliveryFactory, MailingFactory, SuppressionFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/mailing/attempt/"
DELIVERIES = "/admin/mailing/delivery/"


@pytest.fixture
def staff(superuser: User, client: Browser) -> Browser:
    client.force_login(superuser)
    return client


def in_group(name: str) -> Browser:
    user = UserFactory()
    user.groups.add(Group.objects.get(name=name))
    browser = Browser()
    browser.force_login(user)
    return browser


@pytest.fixture
def failed(db: None) -> Attempt:
    """Four recipients: one accepted, one refused, one unconfirmed, one unsubscribed."""
    now = timezone.now() - timedelta(hours=1)
    attempt: Attempt = AttemptFactory(
        mailing__name="News",
        mailing__start_at=now,
        occurrence=now,
        status=AttemptStatus.FAILED,
        started_at=now,
        finished_at=now + timedelta(seconds=90),
        subject="Hello",
        html_body="<p>Dear {{ greeting }}</p><script>alert(1)</script>",
        text_body="Dear {{ greeting }}",
        response="550 5.1.1 <x> no such user",
        audience=4,
        sent=1,
        failed=1,
        unconfirmed=1,
        skipped=1,
        reasons=[
            {
                "status": "failed",
                "reason": "no_such_mailbox",
                "code": 550,
                "response": "550 5.1.1 <x> no such user",
                "count": 25,
                "examples": ["a@b.ru"],
            }
        ],
    )
    DeliveryFactory(attempt=attempt, status=DeliveryStatus.SENT)
    DeliveryFactory(attempt=attempt, status=DeliveryStatus.FAILED, reason=DeliveryReason.NO_SUCH_MAILBOX, code=550)
    DeliveryFactory(attempt=attempt, status=DeliveryStatus.UNCONFIRMED, reason=DeliveryReason.LINE_LOST)
    DeliveryFactory(attempt=attempt, status=DeliveryStatus.SKIPPED, reason=DeliveryReason.UNSUBSCRIBED)
    for delivery in attempt.deliveries.all():
        attempt.mailing.clients.add(delivery.client)
    return attempt


def change(attempt: Attempt) -> str:
    return f"{LIST}{attempt.pk}/change/"


def said(page: Any) -> str:
    return " ".join(str(message) for message in page.context["messages"])


# --- list ----------------------------------------------------------------------------------------------


def test_nobody_adds_changes_or_deletes(staff: Browser, failed: Attempt) -> None:
    assert staff.get(f"{LIST}add/").status_code == 403
    assert staff.get(f"{LIST}{failed.pk}/delete/").status_code == 403
    assert staff.post(change(failed), {"status": "succeeded"}).status_code == 403
    assert staff.get(f"{DELIVERIES}add/").status_code == 403
    assert "_save" not in staff.get(change(failed)).content.decode()


def test_cards_and_totals_follow_the_filter(staff: Browser, failed: Attempt) -> None:
    AttemptFactory(status=AttemptStatus.SUCCEEDED, audience=10, sent=10, trigger=Trigger.MANUAL)

    everything = staff.get(LIST).context
    manual = staff.get(f"{LIST}?trigger__exact=manual").context

    assert (everything["cl"].totals.attempts, everything["cl"].totals.sent) == (2, 11)
    assert (manual["cl"].totals.attempts, manual["cl"].totals.sent) == (1, 10)
    assert [card.value for card in manual["cards"]][:3] == [1, "100%", 10]


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("status__exact=failed", 1),
        ("status__exact=missed", 1),
        ("trigger__exact=schedule", 2),
        ("mailing={mailing}", 1),
        ("started_at__since={today}", 2),
        ("started_at__until=2020-01-01", 0),
        ("q=News", 1),
        ("q=Hello", 1),
    ],
)
def test_each_filter_narrows(staff: Browser, failed: Attempt, query: str, number: int) -> None:
    AttemptFactory(status=AttemptStatus.MISSED)
    since = timezone.localdate(failed.started_at).isoformat()

    page = staff.get(f"{LIST}?{query.format(mailing=failed.mailing_id, today=since)}")

    assert page.context["cl"].result_count == number


def test_a_list_of_a_hundred_costs_no_more_queries_than_one_of_ten(staff: Browser) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert staff.get(f"{LIST}?all=").status_code == 200
        return len(queries)

    AttemptFactory.create_batch(10, status=AttemptStatus.SUCCEEDED, started_by=UserFactory())
    staff.get(LIST)
    few = count()
    AttemptFactory.create_batch(90, status=AttemptStatus.SUCCEEDED, started_by=UserFactory())

    assert count() == few


# --- files -----------------------------------------------------------------------------------------------


def content(page: Any) -> bytes:
    return b"".join(page.streaming_content) if page.streaming else page.content


def test_the_export_holds_the_filtered_attempts(staff: Browser, failed: Attempt) -> None:
    AttemptFactory(mailing__name="Other", status=AttemptStatus.SUCCEEDED)

    page = staff.get(f"{LIST}export/?status__exact=failed&format=csv")

    text = content(page).decode("utf-8-sig")
    assert page["Content-Disposition"].startswith('attachment; filename="attempts-')
    assert "News" in text
    assert "Other" not in text
    assert content(staff.get(f"{LIST}export/?format=xlsx")).startswith(b"PK")


def test_the_report_by_mailing_is_a_page_and_a_file(staff: Browser, failed: Attempt) -> None:
    AttemptFactory(mailing=failed.mailing, status=AttemptStatus.SUCCEEDED, audience=4, sent=4)
    since = timezone.localdate(failed.started_at).isoformat()

    page = staff.get(f"{LIST}report/?started_at__since={since}")
    file = content(staff.get(f"{LIST}report/?format=csv")).decode("utf-8-sig")

    assert [(row.name, row.totals.sent) for row in page.context["rows"]] == [("News", 5)]
    assert page.context["totals"].missed == 0
    assert f'value="{since}"' in page.content.decode()
    assert "News;2;1;0;1;0;8;5;1;1;1;28,6;" in file


def test_a_missed_run_was_not_on_time(staff: Browser) -> None:
    planned = timezone.now() - timedelta(days=3)
    missed = {"status": AttemptStatus.MISSED, "started_at": planned, "occurrence": planned}
    attempt = AttemptFactory(**missed, subject="Hello")

    page = staff.get(LIST).content.decode()
    report = staff.get(f"{LIST}report/")
    one = staff.get(change(attempt))

    assert "on time" not in page
    assert one.context["cards"] == []
    assert "What was sent" not in one.content.decode()
    assert report.context["totals"].missed == 1


def test_whoever_may_not_export_gets_no_file(failed: Attempt) -> None:
    viewer = in_group("Viewer")

    assert viewer.get(f"{LIST}report/").status_code == 200
    assert viewer.get(f"{LIST}report/?format=csv").status_code == 403
    assert viewer.get(f"{LIST}export/").status_code == 403
    assert "Export CSV" not in viewer.get(LIST).content.decode()


# --- one attempt -------------------------------------------------------------------------------------------


def test_the_page_shows_the_balance_the_words_and_the_sentence_above_them(staff: Browser, failed: Attempt) -> None:
    """Rule 11 of a run."""
    answer = staff.get(change(failed))
    page = answer.content.decode()

    numbers = [card.value for card in answer.context["cards"]]
    assert numbers == [4, 1, 1, 1, 1]
    assert numbers[0] == sum(numbers[1:])
    assert page.count("550 5.1.1 &lt;x&gt; no such user") == 1, "not once more beside the refusals it belongs to"
    assert "The mailbox does not exist. Such addresses are on the stop list now." in page
    assert "25 addresses" in page
    assert "and 24 more" in page
    assert "a@b.ru" in page


def test_what_was_sent_is_shown_in_a_sandbox(staff: Browser, failed: Attempt) -> None:
    page = staff.get(f"{LIST}{failed.pk}/letter/")

    assert "Dear Anna" in page.content.decode()
    assert "sandbox" in page["Content-Security-Policy"]
    assert "Dear Anna" in staff.get(f"{LIST}{failed.pk}/letter/?shown=text").content.decode()


def test_a_retry_takes_the_refused_and_only_on_request_the_unconfirmed(staff: Browser, failed: Attempt) -> None:
    """Rule 10 of a run."""
    page = staff.get(change(failed)).content.decode()
    assert "Retry for 1 unsent" in page
    assert "…and for 1 unconfirmed" in page

    answer = staff.post(f"{LIST}{failed.pk}/retry/", follow=True)

    again = Attempt.objects.get(trigger=Trigger.RETRY)
    assert (again.audience, again.retry_of, again.started_by.username) == (1, failed, "boss")
    assert f"attempt {again.pk}" in said(answer)

    Attempt.objects.filter(pk=again.pk).update(status=AttemptStatus.FAILED, failed=1)
    staff.post(f"{LIST}{failed.pk}/retry/", {"unconfirmed": "1"})
    assert Attempt.objects.filter(trigger=Trigger.RETRY).latest("pk").audience == 1


def test_a_retry_that_reaches_nobody_is_refused_in_words(staff: Browser, failed: Attempt) -> None:
    failed.deliveries.all().delete()

    page = staff.post(f"{LIST}{failed.pk}/retry/", follow=True)

    assert said(page)
    assert Attempt.objects.count() == 1


def test_only_who_may_send_may_retry_and_only_by_post(staff: Browser, failed: Attempt) -> None:
    assert in_group("Editor").post(f"{LIST}{failed.pk}/retry/").status_code == 403
    assert staff.get(f"{LIST}{failed.pk}/retry/").status_code == 405


def test_all_stop_list_entries_of_an_attempt_are_undone_at_once(staff: Browser, failed: Attempt) -> None:
    for email in ("a@b.ru", "c@b.ru"):
        SuppressionFactory(email=email, attempt=failed, reason=SuppressionReason.HARD_BOUNCE)
    left = SuppressionFactory(attempt=failed, reason=SuppressionReason.UNSUBSCRIBED)

    assert "Take 2 addresses off the stop list" in staff.get(change(failed)).content.decode()
    page = staff.post(f"{LIST}{failed.pk}/lift/", follow=True)

    assert "2 addresses get letters again." in said(page)
    assert list(Suppression.objects.all()) == [left]


def test_a_running_attempt_shows_its_live_panel_and_what_it_waits_for(staff: Browser) -> None:
    attempt = AttemptFactory(
        mailing=MailingFactory(),
        audience=3,
        waits_for=WaitsFor.PAUSED,
        resume_at=timezone.now() + timedelta(minutes=5),
    )
    alone = staff.get(change(attempt)).content.decode()
    Heartbeat.objects.create(host="here", pid=1, seen=timezone.now(), worker_seen=timezone.now())

    page = staff.get(change(attempt)).content.decode()

    assert "Stands still since" in alone
    assert "Waits until" in page
    assert "The mailing is paused." in page
    live = f"/admin/mailing/mailing/{attempt.mailing_id}/live/"
    assert f'data-live="{live}?attempt={attempt.pk}"' in page


def test_the_live_panel_on_an_attempts_own_page_stays_with_it_and_does_not_lead_to_it(staff: Browser) -> None:
    over = AttemptFactory(status=AttemptStatus.SUCCEEDED, sent=7, audience=7)
    going = AttemptFactory(mailing=over.mailing, audience=3)
    live = f"/admin/mailing/mailing/{over.mailing_id}/live/"

    own = staff.get(live, {"attempt": over.pk})

    assert own.context["attempt"] == over
    assert own["X-Live"] == "done"
    assert "<a " not in own.content.decode()
    assert change(going) in staff.get(live).content.decode()
    assert change(going) not in staff.get(change(going)).content.decode().partition('class="live-figures"')[2][:2000]


# --- deliveries --------------------------------------------------------------------------------------------


def test_deliveries_are_found_by_attempt_status_reason_and_beginning_of_the_address(
    staff: Browser, failed: Attempt
) -> None:
    DeliveryFactory()
    mine = f"{DELIVERIES}?attempt__id__exact={failed.pk}"
    refused: Delivery = failed.deliveries.get(status=DeliveryStatus.FAILED)

    def number(query: str) -> int:
        return int(staff.get(mine + query).context["cl"].result_count)

    assert number("") == 4
    assert number("&status__exact=failed") == 1
    assert number("&reason__exact=line_lost") == 1
    assert number(f"&q={refused.email[:8].upper()}") >= 1
    assert number("&q=example.ru") == 0


def test_a_delivery_among_those_of_all_attempts_names_its_own(staff: Browser, failed: Attempt) -> None:
    name = f"News: run {spoken(timezone.localtime(failed.started_at))}"

    alone = staff.get(DELIVERIES)
    of_attempt = staff.get(f"{DELIVERIES}?attempt__id__exact={failed.pk}")

    assert name in alone.content.decode()
    assert [row.pk for row in alone.context["cl"].result_list] == sorted(
        failed.deliveries.values_list("pk", flat=True), reverse=True
    )
    assert "column-sent_in" not in of_attempt.content.decode()


def test_deliveries_of_an_attempt_have_its_figures_its_name_and_a_way_back(staff: Browser, failed: Attempt) -> None:
    page = staff.get(f"{DELIVERIES}?attempt__id__exact={failed.pk}")

    assert [card.value for card in page.context["cards"]] == [4, 1, 1, 1, 1]
    assert f'<a href="{change(failed)}">News: run' in page.content.decode()
    assert '<a href="/admin/mailing/attempt/" aria-current="page">' in page.content.decode()
    assert staff.get(DELIVERIES).context["cards"] == []


def test_deliveries_are_exported_as_they_are_filtered_and_the_journal_says_so(failed: Attempt) -> None:
    editor, viewer = in_group("Editor"), in_group("Viewer")
    query = f"attempt__id__exact={failed.pk}&status__exact=failed"

    page = editor.post(f"{DELIVERIES}export/?{query}", {"format": "0", "resource": "0"})

    lines = content(page).decode("utf-8-sig").splitlines()
    assert len(lines) == 2
    assert f"News;{failed.pk};refused" in lines[1]
    assert LogEntry.objects.get().change_message == "1 row exported"
    assert viewer.get(f"{DELIVERIES}export/?{query}").status_code == 403
    assert "/export/" not in viewer.get(f"{DELIVERIES}?{query}").content.decode()


def test_whose_address_it_is_is_said_to_those_who_may_look_at_clients(staff: Browser, failed: Attempt) -> None:
    Client.objects.filter(deliveries__attempt=failed).update(full_name="Anna Ivanova")
    stranger = UserFactory()
    stranger.user_permissions.set(Permission.objects.filter(codename="view_delivery"))
    browser = Browser()
    browser.force_login(stranger)

    assert "Anna Ivanova" in staff.get(DELIVERIES).content.decode()
    assert "Anna Ivanova" not in browser.get(DELIVERIES).content.decode()


def test_a_list_of_attempts_tells_the_trouble_in_words_and_leads_to_whom_it_did_not_reach(
    staff: Browser, failed: Attempt
) -> None:
    page = staff.get(LIST).content.decode()

    for status, words in (("failed", "1 refused"), ("unconfirmed", "1 unconfirmed"), ("skipped", "1 skipped")):
        assert f"status__exact={status}" in page
        assert words in page
    assert "The mailbox does not exist or takes no letters. Check the address." in page


def test_a_delivery_opens_and_shows_all_the_server_said(staff: Browser, failed: Attempt) -> None:
    said = "550-5.1.1 first line\n550 5.1.1 last line"
    refused: Delivery = failed.deliveries.get(status=DeliveryStatus.FAILED)
    Delivery.objects.filter(pk=refused.pk).update(response=said)

    page = staff.get(f"{DELIVERIES}{refused.pk}/change/").content.decode()

    assert f"<pre>{said}</pre>" in page
    assert change(failed) in page
    assert "/history/" not in page, "the runner writes no log"
    assert f"{refused.pk}/change/" in staff.get(DELIVERIES).content.decode()


def test_a_page_of_deliveries_of_all_attempts_costs_a_few_queries(staff: Browser, failed: Attempt) -> None:
    staff.get(DELIVERIES)
    with CaptureQueriesContext(connection) as few:
        staff.get(DELIVERIES)
    DeliveryFactory.create_batch(10)
    with CaptureQueriesContext(connection) as many:
        staff.get(DELIVERIES)

    assert len(many) == len(few)


def test_a_page_of_deliveries_costs_a_few_queries(staff: Browser, failed: Attempt) -> None:
    url = f"{DELIVERIES}?attempt__id__exact={failed.pk}"
    staff.get(url)
    with CaptureQueriesContext(connection) as few:
        staff.get(url)
    DeliveryFactory.create_batch(40, attempt=failed)
    with CaptureQueriesContext(connection) as many:
        staff.get(url)

    assert len(many) == len(few)
