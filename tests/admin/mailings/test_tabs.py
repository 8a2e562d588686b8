"""The page of a mailing: what each of its tabs says, to whom, and what it costs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from mailing.choices import AttemptStatus, MailingStatus, Periodicity
from mailing.formatting import duration
from mailing.models import Attempt, Mailing
from mailing.services.mailings import lifecycle
from tests.admin.people import somebody
from tests.factories import AttemptFactory, ClientFactory, MailingFactory, MessageFactory, UserFactory
from tests.forms import filled

pytestmark = pytest.mark.django_db(transaction=True)

TABS = ("change", "letter", "recipients", "schedule", "runs")
HOSTILE = "<b>\"'</b>\u202etxt"


@pytest.fixture
def staff(superuser: User, client: Browser) -> Browser:
    client.force_login(superuser)
    return client


def viewer() -> Browser:
    user = UserFactory()
    user.groups.add(Group.objects.get(name="Viewer"))
    browser = Browser()
    browser.force_login(user)
    return browser


def url(mailing: Mailing, tab: str) -> str:
    return f"/admin/mailing/mailing/{mailing.pk}/{tab}/"


def ago(**span: float) -> datetime:
    return timezone.now().replace(microsecond=0) - timedelta(**span)


def daily(**given: Any) -> Mailing:
    """It has sent for three days: once as it should, once partly, and once not at all."""
    start = ago(days=3, hours=1)
    values = {"name": "News", "clients": 2, "periodicity": Periodicity.DAILY, "status": MailingStatus.RUNNING}
    mailing: Mailing = MailingFactory(
        **(values | {"start_at": start, "active_since": start, "next_run_at": start + timedelta(days=4)} | given)
    )
    for number, (status, numbers) in enumerate(
        (
            (AttemptStatus.SUCCEEDED, {"audience": 5, "sent": 5}),
            (AttemptStatus.MISSED, {}),
            (AttemptStatus.PARTLY, {"audience": 5, "sent": 3, "failed": 1, "unconfirmed": 1}),
        )
    ):
        moment = start + timedelta(days=number)
        end = moment + timedelta(minutes=2)
        AttemptFactory(
            mailing=mailing, status=status, occurrence=moment, started_at=moment, finished_at=end, **numbers
        )
    return mailing


# --- all of them --------------------------------------------------------------------------------------


def test_each_tab_is_an_address_that_marks_itself(staff: Browser) -> None:
    mailing = daily()
    for tab in TABS:
        page = staff.get(url(mailing, tab))
        assert f'<a href="{url(mailing, tab)}" aria-current="page">' in page.content.decode()
        assert [link.url for link in page.context["tabs"]] == [url(mailing, name) for name in TABS]


def test_who_may_not_see_clients_messages_or_attempts_has_no_tab_of_them() -> None:
    mailing = daily()
    browser = somebody("view_mailing")
    tabs = browser.get(url(mailing, "change")).context["tabs"]
    assert [link.url for link in tabs] == [url(mailing, name) for name in ("change", "schedule")]
    for tab in ("letter", "recipients", "runs"):
        assert browser.get(url(mailing, tab)).status_code == 403
    assert "/attempt/" not in browser.get(url(mailing, "change")).content.decode()


def test_a_viewer_sees_all_tabs_and_no_button_that_does_anything() -> None:
    mailing = daily()
    browser = viewer()
    for tab in TABS:
        page = browser.get(url(mailing, tab))
        assert page.status_code == 200
        assert [button.url for button in page.context["object_buttons"]] == [url(mailing, "history")]
        assert 'name="_save"' not in page.content.decode()
    assert browser.post(url(mailing, "schedule"), {"name": "x"}).status_code == 403
    assert browser.post(url(mailing, "letter"), {"message": "1"}).status_code == 403


def test_the_overview_takes_no_form_and_an_unknown_mailing_is_said(staff: Browser) -> None:
    mailing = daily()
    assert staff.post(url(mailing, "change"), {"name": "x"}).status_code == 405
    assert Mailing.objects.get().name == "News"
    answer = staff.get("/admin/mailing/mailing/99999/change/", follow=True)
    assert "99999" in " ".join(map(str, answer.context["messages"]))


def test_names_and_answers_of_strangers_are_text(staff: Browser) -> None:
    mailing = daily(name=HOSTILE, message=MessageFactory(subject=HOSTILE))
    Attempt.objects.update(response=HOSTILE)
    for tab in TABS:
        assert '<b>"' not in staff.get(url(mailing, tab)).content.decode()


CEILINGS = {"change": 28, "letter": 20, "recipients": 40, "schedule": 24, "runs": 18}


@pytest.mark.parametrize("tab", TABS)
def test_a_tab_costs_the_same_queries_with_many_recipients_and_attempts(staff: Browser, tab: str) -> None:
    mailing = daily()
    mailing.clients.add(*ClientFactory.create_batch(51))  # more than a page

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            page = staff.get(url(mailing, tab))
        assert len(page.content) < 60 * 1024
        assert not [query for query in queries if '"mailing_attempt"."html_body"' in query["sql"]]
        return len(queries)

    count()
    few = count()
    mailing.clients.add(*ClientFactory.create_batch(60))
    AttemptFactory.create_batch(30, mailing=mailing, status=AttemptStatus.SUCCEEDED, audience=1, sent=1)
    assert count() <= few
    assert few <= CEILINGS[tab]


# --- overview -----------------------------------------------------------------------------------------


def words(page: Any) -> list[str]:
    return [send.words for send in page.context["line"]]


def test_the_overview_tells_the_last_send_once_and_in_words(staff: Browser) -> None:
    mailing = daily()
    page = staff.get(url(mailing, "change"))
    html = page.content.decode()
    attempt = mailing.attempts.get(status=AttemptStatus.PARTLY)
    assert [(str(label), number) for label, number, _url in page.context["result"].figures] == [
        ("refused", 1),
        ("unconfirmed", 1),
    ]
    assert html.count("3 of 5") == 1
    assert f'href="/admin/mailing/attempt/{attempt.pk}/change/">Who did not get it, and why</a>' in html


def test_the_line_leads_from_past_sends_to_those_that_come(staff: Browser) -> None:
    page = staff.get(url(daily(), "change"))
    assert words(page) == ["succeeded", "missed", "partly: 2 errors", "next send", *["planned"] * 4]
    moments = [send.moment for send in page.context["line"]]
    assert moments == sorted(moments)
    assert "The next send is on" in page.content.decode()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"is_paused": True, "next_run_at": None}, "It is paused: nothing leaves until you resume it."),
        ({"status": MailingStatus.FINISHED, "next_run_at": None, "end_at": ago(hours=1)}, "It is over since"),
    ],
)
def test_what_will_not_happen_stands_on_no_line(staff: Browser, given: dict[str, Any], sentence: str) -> None:
    page = staff.get(url(daily(**given), "change"))
    assert words(page) == ["succeeded", "missed", "partly: 2 errors"]
    assert sentence in page.content.decode()


def test_a_send_that_should_have_begun_stands_out_on_the_line(staff: Browser) -> None:
    page = staff.get(url(daily(next_run_at=ago(hours=1)), "change"))
    assert words(page)[3] == "overdue"
    assert "no run has" in page.content.decode()


def test_a_mailing_the_clock_has_not_seen_yet_says_when_it_sends(staff: Browser) -> None:
    soon = timezone.now() + timedelta(hours=2)
    page = staff.get(url(MailingFactory(clients=1, start_at=soon), "change"))
    assert words(page) == ["next send"]
    assert "The first send is on" in page.content.decode()


def test_while_it_runs_the_live_panel_stands_on_the_page(staff: Browser) -> None:
    mailing = MailingFactory(clients=2)
    AttemptFactory(mailing=mailing, audience=2, sent=1)
    page = staff.get(url(mailing, "change"))
    assert f'data-live="{url(mailing, "live")}"' in page.content.decode()
    assert page.context["result"] is None
    for tab in ("letter", "schedule"):
        assert "Changes reach the next run" in staff.get(url(mailing, tab)).content.decode()


def test_who_came_and_left_since_the_last_run_is_said_in_words(staff: Browser) -> None:
    mailing = lifecycle.launch(MailingFactory(clients=2, start_at=ago(hours=1), periodicity=Periodicity.DAILY))
    attempt = lifecycle.send_now(mailing)
    attempt.mailing.attempts.update(status=AttemptStatus.SUCCEEDED, finished_at=timezone.now())
    mailing.clients.add(ClientFactory())
    assert "Since the last run: 1 new." in staff.get(url(mailing, "change")).content.decode()


def test_what_the_server_said_stands_where_it_said_no(staff: Browser) -> None:
    mailing = daily()
    doubtful = mailing.attempts.filter(status=AttemptStatus.PARTLY)
    mailing.attempts.update(response="250 queued")
    doubtful.update(failed=0, unconfirmed=2)
    rows = staff.get(url(mailing, "runs")).context["runs"]
    assert [row.response for row in rows] == ["", "", ""]
    assert "Whether the server took the letter is unknown." in str(rows[0].sentence)
    assert str(staff.get(url(mailing, "change")).context["result"].sentence) == str(rows[0].sentence)


# --- letter -------------------------------------------------------------------------------------------


def test_the_letter_stands_in_a_frame_beside_which_message_it_is(staff: Browser) -> None:
    mailing = daily(message=MessageFactory(subject="Tea today", body="Come and taste"), from_name="Shop")
    html = staff.get(url(mailing, "letter")).content.decode()
    assert f'sandbox referrerpolicy="no-referrer" src="/admin/mailing/message/{mailing.message_id}/letter/"' in html
    assert "<b>Shop</b> <span>Tea today</span>" in html
    assert "Come and taste" in html
    assert f'href="/admin/mailing/message/{mailing.message_id}/change/"' in html


def test_another_message_is_chosen_there_and_nothing_else_changes(staff: Browser) -> None:
    mailing, other = daily(), MessageFactory(subject="Other")
    before = Mailing.objects.values().get()
    fields = filled(staff.get(url(mailing, "letter")).content.decode(), "mailing_form", message=other.pk)
    answer = staff.post(url(mailing, "letter"), fields)
    assert (answer.status_code, answer["Location"]) == (302, url(mailing, "change"))
    after = Mailing.objects.values().get()
    kept = ("name", "start_at", "end_at", "periodicity", "is_paused", "audience", "status", "active_since")
    assert after["message_id"] == other.pk
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}


def test_what_is_odd_about_a_letter_is_said_beside_it(staff: Browser) -> None:
    mailing = daily(message=MessageFactory(subject="EVERYTHING MUST GO"))
    assert "The subject is all capitals" in staff.get(url(mailing, "letter")).content.decode()


# --- schedule -----------------------------------------------------------------------------------------


def test_dates_stand_and_are_read_in_the_language_of_the_page(staff: Browser) -> None:
    mailing = MailingFactory(
        clients=1, start_at=datetime(2040, 11, 28, 11, 0, tzinfo=timezone.get_current_timezone())
    )
    english = staff.get(url(mailing, "schedule")).content.decode()
    assert 'value="2040-11-28"' in english
    with translation.override("ru"):
        russian = staff.get(url(mailing, "schedule"), headers={"accept-language": "ru"}).content.decode()
        assert 'value="28.11.2040"' in russian
        fields = filled(russian, "mailing_form", start_at_0="12.11.2040", start_at_1="14")
        staff.post(url(mailing, "schedule"), fields, headers={"accept-language": "ru"})
    mailing.refresh_from_db()
    assert timezone.localtime(mailing.start_at).strftime("%d.%m.%Y %H:%M") == "12.11.2040 14:00"


def test_an_unreadable_date_is_kept_and_answered_beside_the_plan_as_well(staff: Browser) -> None:
    mailing = daily()
    fields = filled(staff.get(url(mailing, "schedule")).content.decode(), "mailing_form", start_at_0="soon")
    page = staff.post(url(mailing, "schedule"), fields).content.decode()
    assert 'value="soon"' in page
    assert "“soon” is not a date." in page
    told = staff.get(
        "/admin/mailing/mailing/plan/", {"mailing": mailing.pk, "start_at_0": HOSTILE, "start_at_1": "1"}
    )
    assert "is not a date" in told.content.decode()
    assert "<b>" not in told.content.decode()


def test_the_plan_of_a_paused_mailing_promises_nothing_while_dates_are_typed(staff: Browser) -> None:
    mailing = daily(is_paused=True, next_run_at=None)
    told = staff.get(
        "/admin/mailing/mailing/plan/",
        {"mailing": mailing.pk, "start_at_0": "2040-01-02", "start_at_1": "10:00", "periodicity": "weekly"},
    ).content.decode()
    assert "It is paused: nothing leaves until you resume it." in told
    assert "Resumed in time, it sends on 2 January 2040 at 10:00, then every Monday" in told
    assert "<li>" not in told


def test_the_form_neither_pauses_nor_resumes(staff: Browser) -> None:
    mailing = daily(is_paused=True, next_run_at=None)
    fields = filled(staff.get(url(mailing, "schedule")).content.decode(), "mailing_form", name="Renamed")
    assert "is_paused" not in fields
    staff.post(url(mailing, "schedule"), fields | {"is_paused": ""})
    mailing.refresh_from_db()
    assert (mailing.name, mailing.is_paused) == ("Renamed", True)


# --- runs ---------------------------------------------------------------------------------------------


def test_runs_stand_newest_first_with_result_numbers_and_words(staff: Browser) -> None:
    mailing = daily()
    Attempt.objects.filter(status=AttemptStatus.PARTLY).update(response="550 no such user\nmore")
    page = staff.get(url(mailing, "runs"))
    rows = page.context["runs"]
    assert [row.attempt.status for row in rows] == ["partly", "missed", "succeeded"]
    assert (rows[0].took, rows[0].response) == (duration(timedelta(minutes=2)), "550 no such user")
    for row in rows:
        assert f"/admin/mailing/attempt/{row.attempt.pk}/change/" in page.content.decode()


def test_the_latest_runs_are_drawn_and_a_column_leads_to_its_attempt(staff: Browser) -> None:
    mailing = daily()
    page = staff.get(url(mailing, "runs"))
    assert {column.url for column in page.context["chart"].columns} == {
        f"/admin/mailing/attempt/{attempt.pk}/change/" for attempt in mailing.attempts.all()[:30]
    }


def test_runs_are_narrowed_by_result_and_turned_by_page(staff: Browser) -> None:
    mailing = daily()
    AttemptFactory.create_batch(30, mailing=mailing, status=AttemptStatus.SUCCEEDED, started_at=ago(days=9))
    page = staff.get(url(mailing, "runs"), {"result": "missed"})
    assert [row.attempt.status for row in page.context["runs"]] == ["missed"]
    assert [(str(c.label), c.number) for c in page.context["choices"]] == [
        ("All", 33),
        ("succeeded", 31),
        ("partly", 1),
        ("missed", 1),
    ]
    older = staff.get(url(mailing, "runs"), {"result": "succeeded", "page": "2"})
    assert len(older.context["runs"]) == 6
    assert "Page 2 of 2" in older.content.decode()
    assert 'href="?result=succeeded&amp;page=1"' in older.content.decode()


@pytest.mark.parametrize("query", ["result=nonsense", "page=99", "page=0", "page=x", f"page={'9' * 5000}"])
def test_a_part_of_the_list_that_is_not_there_is_said(staff: Browser, query: str) -> None:
    answer = staff.get(f"{url(daily(), 'runs')}?{query}", follow=True)
    assert "There is no such part of the list" in answer.content.decode()
    assert len(answer.context["runs"]) == 3


def test_a_mailing_that_sent_nothing_says_what_will_stand_there(staff: Browser) -> None:
    html = staff.get(url(MailingFactory(), "runs")).content.decode()
    assert "Every run will stand here with its result." in html
