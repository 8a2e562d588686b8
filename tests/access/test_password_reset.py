"""“I forgot my password”: who asks learns nothing, the letter goes to its owner alone, and nothing is gone around."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django_otp.plugins.otp_totp.models import TOTPDevice

from mailing import scheduling, tasks
from mailing.choices import AccessKind
from mailing.models import AccessEvent, MailService
from tests.access.knocking import RIGHT, knock, member
from tests.access.test_limits import later
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

ASK = "/admin/password-reset/"
NEW = "another four words"
HERE: dict[str, Any] = {"REMOTE_ADDR": "203.0.113.7"}


@pytest.fixture(autouse=True)
def queued(db: None, settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What the workers are asked to do, done by `letters`."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    settings.SITE_URL = "https://letters.example.com"
    MailService.objects.update_or_create(pk=1, defaults={"site_url": settings.SITE_URL})
    found: list[int] = []
    monkeypatch.setattr(scheduling, "enqueue", lambda task, *args: found.append(*args))
    return found


def ask(name: str, *, at: str = "203.0.113.7", browser: Browser | None = None) -> Any:
    return (browser or Browser()).post(ASK, {"name": name}, REMOTE_ADDR=at)


def letters(queued: list[int]) -> list[Any]:
    while queued:
        tasks.send_password_letter(queued.pop(0))
    return list(mail.outbox)


def link(letter: Any) -> str:
    found = re.search(r"https://letters\.example\.com(/admin/password-reset/\S+)", letter.body)
    assert found
    return found[1]


def set_password(address: str, browser: Browser, new: str = NEW) -> Any:
    page = browser.get(address, follow=True, **HERE)
    form = page.redirect_chain[-1][0] if page.redirect_chain else address
    return browser.post(form, {"new_password1": new, "new_password2": new}, **HERE)


def test_a_letter_sets_a_new_password_once(queued: list[int]) -> None:
    member(email="anna@example.com")
    assert "a letter is on its way" in ask("anna").content.decode()
    letter = letters(queued)[0]
    assert letter.to == ["anna@example.com"]
    assert "203.0.113.7" in letter.body
    browser = Browser()
    assert set_password(link(letter), browser)["Location"] == "/admin/login/"
    assert not browser.session.get("_auth_user_id")
    assert knock(password=RIGHT).status_code == 200
    assert knock(password=NEW).status_code == 302
    again = Browser().get(link(letter), follow=True)
    assert again.status_code == 400
    assert "too old, or was used already" in again.content.decode()
    kinds = AccessEvent.objects.values_list("kind", flat=True)
    assert {AccessKind.RESET_ASKED, AccessKind.RESET_DONE, AccessKind.PASSWORD_CHANGED} <= set(kinds)
    assert link(letter) not in str(list(AccessEvent.objects.values()))


def test_by_address_too_in_the_language_of_the_page_and_never_to_the_host_that_was_asked(
    queued: list[int], settings: LazySettings
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    member(email="Anna@Example.com")
    browser = Browser()
    browser.cookies["django_language"] = "ru"
    browser.post(ASK, {"name": "anna@example.com"}, headers={"host": "evil.example"})
    letter = letters(queued)[0]
    assert "Самовар" in letter.subject
    assert "evil" not in letter.body


def test_who_asks_learns_nothing_and_costs_the_same(queued: list[int]) -> None:
    member(email="anna@example.com")
    answers, queries = [], []
    for name in ("anna", "nobody", "anna@example.com", "nobody@example.com"):
        with CaptureQueriesContext(connection) as caught:
            page = ask(name).content.decode()
        answers.append(re.sub(r'csrfmiddlewaretoken" value="\w+"', "", page))
        queries.append(len(caught))
    assert len(set(answers)) == 1
    assert len(set(queries)) == 1
    assert len(queued) == 4
    assert len(letters(queued)) == 2


@pytest.mark.parametrize("who", ["inactive", "no staff", "no address", "no password"])
def test_whoever_cannot_log_in_gets_no_letter_and_the_same_answer(queued: list[int], who: str) -> None:
    user = member(is_active=who != "inactive", is_staff=who != "no staff")
    user.email = "" if who == "no address" else user.email
    if who == "no password":
        user.set_unusable_password()
    user.save()
    assert "a letter is on its way" in ask("anna").content.decode()
    assert letters(queued) == []


def test_a_link_opens_nothing_for_whoever_left_meanwhile(queued: list[int]) -> None:
    user = member()
    ask("anna")
    letter = letters(queued)[0]
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert Browser().get(link(letter), follow=True).status_code == 400


def test_it_goes_not_around_the_second_factor(queued: list[int], settings: LazySettings) -> None:
    settings.SECOND_FACTOR = "optional"
    TOTPDevice.objects.create(user=member(), confirmed=True)
    ask("anna")
    browser = Browser()
    set_password(link(letters(queued)[0]), browser)
    assert browser.get("/admin/", **HERE).status_code == 302
    assert knock(browser, password=NEW)["Location"] == "/admin/login/code/"


def test_it_ends_the_sessions_of_whoever_knew_the_old_password(queued: list[int]) -> None:
    member()
    thief = Browser()
    knock(thief, password=RIGHT)
    ask("anna")
    set_password(link(letters(queued)[0]), Browser())
    assert thief.get("/admin/").status_code == 302


def test_the_owner_comes_back_by_letter_while_strangers_guess(queued: list[int]) -> None:
    member()
    for number in range(40):
        knock(at=f"198.51.100.{number % 10}")
    mine = Browser()
    assert knock(mine, password=RIGHT).status_code == 429
    ask("anna")
    set_password(link(letters(queued)[0]), mine)
    assert knock(mine, password=NEW).status_code == 302


def test_nobody_is_buried_in_letters_and_no_address_asks_all_day(queued: list[int]) -> None:
    member()
    for number in range(20):
        assert ask("anna", at=f"198.51.100.{number}").status_code == 200
    assert len(letters(queued)) == 3
    answers = [ask(f"user{number}", at="192.0.2.1").status_code for number in range(12)]
    assert answers == [200] * 10 + [429] * 2
    later(hours=1)
    assert ask("anna", at="192.0.2.1").status_code == 200


def test_a_weak_password_is_refused_with_the_reason(queued: list[int]) -> None:
    member()
    ask("anna")
    refused = set_password(link(letters(queued)[0]), Browser(), new="short")
    assert refused.status_code == 200
    assert "at least 12 characters" in refused.content.decode()


@pytest.mark.parametrize("address", ["MQ/x-y/", "AAAA/set/", "é/é/", f"{'9' * 300}/set/"])
def test_a_made_up_link_is_answered_in_words(address: str) -> None:
    answer = Browser().get(f"{ASK}{address}", follow=True)
    assert answer.status_code == 400
    assert "too old, or was used already" in answer.content.decode()


@pytest.mark.parametrize("why", ["no mail server", "switched off", "copy"])
def test_without_a_mail_server_the_page_says_whom_to_ask(settings: LazySettings, queued: list[int], why: str) -> None:
    settings.PASSWORD_BY_LETTER = why != "no mail server"
    settings.MAILING_SENDING_ENABLED = why != "switched off"
    if why == "copy":
        MailService.objects.update_or_create(pk=1, defaults={"site_url": "https://elsewhere.example.com"})
    member()
    for page in (Browser().get(ASK), ask("anna")):
        assert "Ask the administrator for a new password" in page.content.decode()
    assert queued == []


def test_an_order_that_waited_for_hours_is_no_longer_carried_out(queued: list[int]) -> None:
    UserFactory(username="anna")
    member("boris")
    ask("boris")
    later(hours=2)
    assert letters(queued) == []


def test_the_login_page_leads_there() -> None:
    assert f'href="{ASK}"' in Browser().get("/admin/login/").content.decode()
