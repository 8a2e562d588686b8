"""One state, one word on every page, and one filled button that can act now, or none."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client as Browser
from django.utils import timezone, translation

from mailing.choices import AttemptStatus, MailingStatus
from mailing.delivery.guards import lease
from mailing.models import Attempt, Heartbeat, Mailing
from mailing.services.operations import metrics
from mailing.services.reports import overview
from mailing.services.reports.overview import Need
from tests.factories import AttemptFactory, ClientFactory, DeliveryFactory, MailingFactory

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/mailing/mailing/"
HOUR = timedelta(hours=1)


@pytest.fixture
def staff(superuser: User, client: Browser) -> Browser:
    client.force_login(superuser)
    return client


@pytest.fixture(autouse=True)
def workers() -> Heartbeat:
    now = timezone.now()
    return Heartbeat.objects.create(host="here", pid=1, workers=2, seen=now, worker_seen=now)


def mailing(**fields: Any) -> Mailing:
    now = timezone.now()
    given = {"status": MailingStatus.RUNNING, "start_at": now - timedelta(days=2), "active_since": now - HOUR}
    return MailingFactory(clients=[ClientFactory()], **given | {"next_run_at": now + HOUR} | fields)


def run(**fields: Any) -> Attempt:
    """Of ten letters four were decided; it began ten minutes ago."""
    begun = timezone.now() - timedelta(minutes=10)
    given = {"audience": 10, "sent": 4, "started_at": begun, "slice_at": begun}
    return AttemptFactory(**{"mailing": fields.pop("mailing", None) or mailing()} | given | fields)


def held(**fields: Any) -> Attempt:
    """Somebody works on it."""
    return run(lease_owner=lease.new_owner(), lease_until=timezone.now() + HOUR, **fields)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: held(decided_at=timezone.now()), "being sent"),
        (held, "stands still since"),
        (lambda: run(resume_at=timezone.now() + HOUR, waits_for="deferred"), "waits until"),
        (lambda: run(started_at=timezone.now(), slice_at=None), "waits its turn"),
    ],
)
def test_a_run_has_one_word_on_list_page_overview_and_questions(staff: Browser, make: Any, words: str) -> None:
    attempt = make()
    pages = (
        *("/admin/", LIST, "/admin/mailing/attempt/", f"/admin/mailing/attempt/{attempt.pk}/change/"),
        *(f"{LIST}{attempt.mailing_id}/{name}/" for name in ("change", "send", "finish", "delete", "live")),
    )
    for page in pages:
        told = staff.get(page).content.decode()
        assert words in told.lower(), page
        assert ("left</span>" in told) <= (words == "being sent"), page


@pytest.mark.parametrize(
    ("make", "label", "page"),
    [
        (lambda: held(decided_at=timezone.now()), "Pause", "pause"),
        (lambda: run(resume_at=timezone.now() + HOUR, waits_for="deferred"), "Go on at once", "send"),
        (lambda: run(mailing=mailing(is_paused=True)), "Resume", "resume"),
    ],
)
def test_the_page_of_a_run_and_the_overview_offer_the_same_step(
    staff: Browser, make: Any, label: str, page: str
) -> None:
    attempt = make()
    (_attempt, _told, step) = staff.get("/admin/").context["running"][0]
    buttons = staff.get(f"/admin/mailing/attempt/{attempt.pk}/change/").context["object_buttons"]
    for button in (step, buttons[0]):
        assert (str(button.label), button.url) == (label, f"{LIST}{attempt.mailing_id}/{page}/")


def test_a_dead_run_has_no_time_left_anywhere(staff: Browser) -> None:
    Heartbeat.objects.all().delete()
    attempt = run()
    for page in ("/admin/", f"{LIST}{attempt.mailing_id}/change/", f"{LIST}{attempt.mailing_id}/live/"):
        told = staff.get(page).content.decode()
        assert "tands still since" in told
        assert "time-left" not in told


def filled(staff: Browser, row: Mailing) -> tuple[list[str], bool]:
    """The filled buttons of the page, and whether "send now" stands there."""
    buttons = staff.get(f"{LIST}{row.pk}/change/").context["object_buttons"]
    return [str(button.label) for button in buttons if button.primary], any("/send/" in b.url for b in buttons)


@pytest.mark.parametrize(
    ("make", "labels", "sends"),
    [
        (mailing, ["Send now"], True),
        (lambda: mailing(start_at=timezone.now() + HOUR, status=MailingStatus.CREATED), [], False),
        (lambda: mailing(is_paused=True, next_run_at=None), ["Resume"], False),
        (lambda: mailing(status=MailingStatus.FINISHED, next_run_at=None, end_at=timezone.now()), [], False),
        (lambda: held(decided_at=timezone.now()).mailing, ["Pause"], False),
        (lambda: run(resume_at=timezone.now() + HOUR).mailing, ["Go on at once"], True),
    ],
)
def test_the_filled_button_is_the_one_that_can_act_now_or_there_is_none(
    staff: Browser, make: Any, labels: list[str], sends: bool
) -> None:
    assert filled(staff, make()) == (labels, sends)


def test_a_paused_mailing_that_sent_before_is_no_draft_and_has_no_run(staff: Browser) -> None:
    row = mailing(is_paused=True, status=MailingStatus.CREATED, next_run_at=None, periodicity="daily")
    AttemptFactory(mailing=row, status=AttemptStatus.SUCCEEDED, audience=1, sent=1)
    page = staff.get(f"{LIST}{row.pk}/schedule/").content.decode()
    assert "It is paused: nothing leaves until you resume it." in page
    assert "Resumed in time, it sends on" in page
    assert 'class="dates"' not in page
    assert "A run is not over" not in page
    assert "draft" not in page.lower()
    assert [b.label for b in staff.get(f"{LIST}{row.pk}/schedule/").context["object_buttons"] if b.primary] == []


def test_what_stands_still_needs_attention_and_is_told_by_commands_and_monitoring(
    staff: Browser, capsys: pytest.CaptureFixture[str]
) -> None:
    attempt = held()
    (item,) = overview.overview().attention
    assert (item.need, item.mailing) == (Need.STALLED, attempt.mailing)
    assert "decided about no letter since then" in staff.get("/admin/").content.decode()
    with suppress(SystemExit):  # the made-up mailing has no row in the schedule
        call_command("check_mailings")
    assert f"attempt {attempt.pk}: stands still since" in capsys.readouterr().out
    assert 'samovar_open_runs{state="stalled"} 1.0' in metrics.text().decode()
    assert 'samovar_open_runs{state="sending"} 0.0' in metrics.text().decode()


def test_a_run_that_was_partly_asks_for_no_attention_and_offers_the_retry(staff: Browser) -> None:
    attempt = AttemptFactory(mailing=mailing(), status=AttemptStatus.PARTLY, audience=5, sent=4, failed=1)
    DeliveryFactory(attempt=attempt, status="failed", reason="refused")
    assert overview.overview().attention == []
    page = staff.get(f"/admin/mailing/attempt/{attempt.pk}/change/")
    assert [str(b.label) for b in page.context["object_buttons"] if b.primary] == ["Retry for 1 unsent"]
    assert "partly: 1\u00a0refused" in page.content.decode()


@pytest.mark.parametrize(
    ("query", "number"),
    [("status__exact=partly", 2), ("letters=errors", 3), ("letters=refused", 2), ("letters=unconfirmed", 1)],
)
def test_attempts_are_narrowed_to_an_end_or_to_what_became_of_letters(
    staff: Browser, query: str, number: int
) -> None:
    for status, values in (
        ("succeeded", {"sent": 3}),
        ("partly", {"sent": 2, "failed": 1}),
        ("partly", {"sent": 2, "unconfirmed": 1}),
        ("failed", {"failed": 3}),
    ):
        AttemptFactory(status=status, audience=3, **values)
    assert staff.get(f"/admin/mailing/attempt/?{query}").context["cl"].result_count == number


def test_the_numbers_of_runs_and_letters_stand_beside_each_other(staff: Browser) -> None:
    row = mailing()
    for status, values in (("succeeded", {"sent": 100}), ("partly", {"sent": 99, "failed": 1})):
        AttemptFactory(mailing=row, status=status, audience=100, **values)
    with translation.override("ru"):
        page = staff.get(LIST, headers={"accept-language": "ru"}).content.decode()
    assert "без ошибок 1 из 2" in page
    assert "принято 99,5\u00a0% писем" in page or "принято 99,5 % писем" in page
