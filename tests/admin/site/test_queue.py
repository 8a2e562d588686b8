"""django-q's screens: superusers look, nobody runs anything."""

from __future__ import annotations

import base64
import pickle
from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.test import Client as Browser
from django.utils import timezone
from django_q.models import Failure, OrmQ, Schedule, Success

from mailing.admin.site.queue import text_of
from mailing.models import Heartbeat
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

PAGES = ("/admin/django_q/schedule/", "/admin/django_q/failure/")


@pytest.fixture
def staff(superuser: User, client: Browser) -> Browser:
    client.force_login(superuser)
    return client


def failure(result: object) -> Failure:
    now = timezone.now()
    row: Failure = Failure.objects.create(
        id="1" * 32, name="run", func="mailing.tasks.ping", started=now, stopped=now, success=False, result=result
    )
    return row


def test_only_schedules_and_failures_are_shown() -> None:
    registered = admin.site._registry

    assert Success not in registered
    assert OrmQ not in registered
    for model in (Schedule, Failure):
        assert registered[model].actions is None


def test_superusers_look_and_change_nothing(staff: Browser) -> None:
    row = Schedule.objects.create(name="mailing:1", func="mailing.tasks.run_due", next_run=timezone.now())
    failure("Traceback: it broke")

    schedules, failures = (staff.get(page).content.decode() for page in PAGES)

    assert "mailing:1" in schedules
    assert "it broke" in failures
    for page in PAGES:
        assert staff.get(f"{page}add/").status_code == 403
    assert staff.post(f"{PAGES[0]}{row.pk}/change/", {"func": "os.system"}).status_code == 403
    assert staff.post(f"{PAGES[0]}{row.pk}/delete/", {"post": "yes"}).status_code == 403


def test_staff_with_every_permission_of_the_queue_still_see_nothing() -> None:
    user = UserFactory()
    user.user_permissions.add(*Permission.objects.filter(content_type__app_label="django_q"))
    browser = Browser()
    browser.force_login(user)

    assert {browser.get(page).status_code for page in PAGES} == {403}


def test_a_row_taken_out_of_the_way_says_why(staff: Browser) -> None:
    Schedule.objects.create(name="foreign", func="a.b", args="foo(", next_run=None)
    Schedule.objects.create(name="fine", func="a.b", next_run=timezone.now() + timedelta(days=1))

    alone = staff.get(PAGES[0]).content.decode()
    Heartbeat.objects.create(host="here", pid=1, seen=timezone.now(), worker_seen=timezone.now())
    page = staff.get(PAGES[0]).content.decode()

    assert "parked:" in page
    assert "active" in page
    assert "active" not in alone
    assert "nobody rings it" in alone


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('it ran')",)


def test_the_page_of_a_failure_shows_what_went_wrong(staff: Browser) -> None:
    row = failure("Traceback: <b>it broke</b>")

    assert (
        "<pre>Traceback: &lt;b&gt;it broke&lt;/b&gt;</pre>"
        in staff.get(f"{PAGES[1]}{row.pk}/change/").content.decode()
    )


def test_a_stored_pickle_is_never_run(staff: Browser) -> None:
    row = failure("text")
    evil = base64.b64encode(pickle.dumps(Bomb())).decode()
    Failure.objects.filter(pk=row.pk).update(result=None)

    assert text_of(evil) == ""
    assert text_of("no base64 at all") == ""
    assert staff.get(PAGES[1]).status_code == 200
    assert staff.get(f"{PAGES[1]}{row.pk}/change/").status_code == 200
