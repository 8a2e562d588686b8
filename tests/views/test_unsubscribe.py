"""Leaving by the link in a letter, as browsers, mail programs and link scanners do it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from django.http import HttpResponse
from django.test import Client as Browser

from mailing import links
from mailing.choices import SuppressionReason as R
from mailing.models import Suppression
from mailing.services.clients import suppression

pytestmark = pytest.mark.django_db

EMAIL = "maria@example.ru"
PATH = urlsplit(links.unsubscribe_url(EMAIL)).path
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def browser() -> Browser:
    return Browser(enforce_csrf_checks=True)


def has_left() -> bool:
    return Suppression.objects.filter(email=EMAIL, reason=R.UNSUBSCRIBED).exists()


def press(browser: Browser, answer: str) -> HttpResponse:
    """Opens the page and presses one of its buttons, with the form's own token."""
    page = browser.get(PATH).content.decode()
    assert f'value="{answer}"' in page
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token
    return browser.post(PATH, {"csrfmiddlewaretoken": token[1], "answer": answer}, follow=True)  # type: ignore[return-value]


def test_looking_changes_nothing(browser: Browser) -> None:
    """Rule 12 of a run."""
    page = browser.get(PATH)
    assert page.status_code == 200
    assert "m•••@example.ru" in page.content.decode()
    assert EMAIL not in page.content.decode()
    assert browser.head(PATH).status_code == 200
    assert browser.get(PATH + "?answer=leave&List-Unsubscribe=One-Click").status_code == 200
    assert browser.put(PATH).status_code == 405
    assert not Suppression.objects.exists()


def test_pressing_the_button_leaves_and_pressing_the_other_comes_back(browser: Browser) -> None:
    page = press(browser, "leave").content.decode()
    assert has_left()
    assert "You will get no more letters" in page
    assert "Unsubscribe?" in press(browser, "return").content.decode()
    assert not Suppression.objects.exists()


def test_a_post_without_the_pages_token_is_refused(browser: Browser) -> None:
    browser.get(PATH)
    assert browser.post(PATH, {"answer": "leave"}).status_code == 403
    assert browser.post(PATH, {"answer": "return"} | {"List-Unsubscribe": "no"}).status_code == 403
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("multipart", [True, False])
def test_a_mail_program_leaves_by_one_post_without_cookies(browser: Browser, multipart: bool) -> None:
    """Rule 12 of a run."""
    for _again in range(2):
        if multipart:
            answer = browser.post(PATH, ONE_CLICK)
        else:
            answer = browser.post(
                PATH, "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded"
            )
        assert (answer.status_code, answer.content) == (200, b"OK")
        assert not answer.cookies
    assert has_left()
    assert Suppression.objects.count() == 1


@pytest.mark.parametrize("path", ["/u/wrong/", PATH[:-2] + "/", "/u/" + "A" * 300 + "/"])
def test_a_wrong_link_is_answered_kindly(browser: Browser, path: str) -> None:
    page = browser.get(path)
    assert page.status_code == 404
    assert "This link does not work" in page.content.decode()
    assert browser.post(path, ONE_CLICK).status_code == 404
    assert not Suppression.objects.exists()


def test_whoever_bounced_may_still_leave_for_good(browser: Browser) -> None:
    suppression.suppress(EMAIL, R.HARD_BOUNCE)
    press(browser, "leave")
    assert has_left()


def test_whoever_complained_is_told_that_it_is_over(browser: Browser) -> None:
    suppression.suppress(EMAIL, R.COMPLAINT)
    page = browser.get(PATH).content.decode()
    assert "You will get no more letters" in page
    assert "<button" not in page


def test_the_page_speaks_the_readers_language(browser: Browser) -> None:
    page = browser.get(PATH, headers={"Accept-Language": "ru-RU,ru;q=0.9"})
    assert page["Content-Language"] == "ru"
    assert '<html lang="ru">' in page.content.decode()
    assert browser.get(PATH, headers={"Accept-Language": "de, en;q=0.5"})["Content-Language"] == "en"


def test_the_page_is_kept_by_nobody_and_loads_only_our_own(browser: Browser) -> None:
    page = browser.get(PATH)
    html = page.content.decode()
    assert "no-store" in page["Cache-Control"]
    assert page["Referrer-Policy"] == "same-origin"
    assert "style-src 'self'" in page["Content-Security-Policy"]
    assert 'content="noindex, nofollow"' in html
    assert not re.search(r"<script|<style|style=|\son\w+=|https?://", html)
    assert 'name="viewport"' in html
