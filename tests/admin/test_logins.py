"""The rows of axes: who is locked out is seen at once, and let in again by deleting the row."""

from __future__ import annotations

import pytest
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings
from django.test import Client as Browser

from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

MODELS = ("accessattempt", "accesslog", "accessfailurelog")


def wrong(times: int, name: str) -> None:
    for _try in range(times):
        Browser().post("/admin/login/", {"username": name, "password": "guessed"})


def test_who_is_locked_out_is_told_from_who_may_try_again(browser: Browser) -> None:
    wrong(settings.AXES_FAILURE_LIMIT, "locked")
    wrong(1, "clumsy")
    html = browser.get("/admin/axes/accessattempt/").content.decode()
    assert html.count("locked out") == 1
    assert html.count("may try again") == 1


def test_deleting_the_row_unlocks(browser: Browser) -> None:
    user = UserFactory(username="anna")
    user.set_password("right one")
    user.save()
    wrong(settings.AXES_FAILURE_LIMIT, "anna")
    right = {"username": "anna", "password": "right one"}
    assert Browser().post("/admin/login/", right).status_code == 429

    row = AccessAttempt.objects.get()
    assert "may try again at once" in browser.get(f"/admin/axes/accessattempt/{row.pk}/change/").content.decode()
    browser.post(f"/admin/axes/accessattempt/{row.pk}/delete/", {"post": "yes"})
    assert Browser().post("/admin/login/", right).status_code == 302


@pytest.mark.parametrize("model", MODELS)
def test_an_empty_list_says_so_and_nobody_adds_or_changes(browser: Browser, model: str) -> None:
    AccessLog.objects.all().delete()  # the log-in of the one who looks
    html = browser.get(f"/admin/axes/{model}/").content.decode()
    assert 'class="empty"' in html
    assert "Reset search" not in html
    assert browser.get(f"/admin/axes/{model}/add/").status_code == 403


def test_rows_open_and_search_by_name_and_address(browser: Browser) -> None:
    row = AccessFailureLog.objects.create(username="anna", ip_address="203.0.113.7", user_agent="<unknown>")
    for query in ("anna", "203.0.113"):
        assert "203.0.113.7" in browser.get(f"/admin/axes/accessfailurelog/?q={query}").content.decode()
    assert "Nothing found" in browser.get("/admin/axes/accessfailurelog/?q=nobody").content.decode()
    page = f"/admin/axes/accessfailurelog/{row.pk}/change/"
    html = browser.get(page).content.decode()
    assert "<h1>anna</h1>" in html
    assert 'name="_save"' not in html
    assert browser.post(page, {"username": "x"}).status_code == 403
