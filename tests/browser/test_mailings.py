"""What the few lines of script add to messages and mailings; and that both work without them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from mailing.choices import AttemptStatus
from mailing.models import Attempt, Message
from tests.browser.chromium import Watch
from tests.browser.conftest import Login
from tests.factories import AttemptFactory, ClientFactory, MailingFactory, MessageFactory

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_save_button_says_to_how_many_it_sends_while_one_types(login: Login, host: str) -> None:
    ClientFactory.create_batch(3)
    tab = login(language="en").new_page()
    watch = Watch(tab, host)
    tab.goto("/admin/mailing/mailing/add/")

    tab.check("input[name=audience][value=everyone]")
    tab.fill("[name=start_at_0]", (timezone.localdate() - timedelta(days=2)).isoformat())

    expect(tab.locator("[name=_save]")).to_have_value("Save and send to 3 clients")
    expect(tab.locator("#plan")).to_contain_text("The first send starts right after saving")
    assert watch.take() == []


def test_the_plan_follows_a_date_typed_in_the_language_of_the_page(login: Login, host: str) -> None:
    """Also under an English browser."""
    mailing = MailingFactory(clients=1, start_at=timezone.now() + timedelta(days=3), periodicity="weekly")
    tab = login(language="ru").new_page()
    watch = Watch(tab, host)
    tab.goto(f"/admin/mailing/mailing/{mailing.pk}/schedule/")

    tab.fill("[name=start_at_0]", "02.01.2040")
    tab.fill("[name=start_at_1]", "14:30")
    expect(tab.locator("#plan")).to_contain_text("2 января 2040 в 14:30")
    expect(tab.locator("#plan .dates li")).to_have_count(5)

    tab.fill("[name=start_at_0]", "30.02.2040")
    expect(tab.locator("#plan")).to_contain_text("«30.02.2040» — не дата. Напишите её так:")
    tab.click("[name=_save]")
    assert tab.input_value("[name=start_at_0]") == "30.02.2040"
    assert watch.take() == []


def test_the_letter_is_seen_while_it_is_written(login: Login, host: str) -> None:
    tab = login(language="en").new_page()
    watch = Watch(tab, host)
    tab.goto("/admin/mailing/message/add/")

    tab.fill("[name=subject]", "News for {{ full_name }}")
    tab.fill("[name=body]", "Dear ")
    tab.click("[data-insert='{{ greeting }}']")

    assert tab.input_value("[name=body]") == "Dear {{ greeting }}"
    letter = tab.frame_locator("iframe[name=preview]")
    expect(letter.locator("body")).to_contain_text("Dear Anna")
    expect(letter.locator("body")).to_contain_text("News for Anna Ivanova")
    expect(tab.locator(".counter")).to_have_text("24 / 60")
    assert watch.take() == []


def test_a_script_in_a_letter_never_runs(login: Login) -> None:
    message = MessageFactory(body="<p>quiet</p><script>document.body.textContent='it ran'</script>", is_html=True)
    tab = login(language="en").new_page()

    tab.goto(f"/admin/mailing/message/{message.pk}/letter/")

    assert "quiet" in tab.inner_text("body")
    assert "it ran" not in tab.inner_text("body")


def test_without_scripts_the_preview_is_a_button_and_the_save_works(login: Login) -> None:
    tab = login(language="en", java_script_enabled=False).new_page()
    tab.goto("/admin/mailing/message/add/")
    tab.fill("[name=subject]", "Hi")
    tab.fill("[name=body]", "Dear {{ greeting }}")

    tab.click("[data-preview]")
    expect(tab.frame_locator("iframe[name=preview]").locator("body")).to_contain_text("Dear Anna")

    tab.click("[name=_save]")
    assert Message.objects.get().subject == "Hi"


def test_the_running_panel_follows_the_run_and_stops_asking(login: Login, host: str) -> None:
    mailing = MailingFactory(clients=4)
    attempt = AttemptFactory(mailing=mailing, audience=4, sent=1)
    tab = login(language="en").new_page()
    watch = Watch(tab, host)
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url) if request.url.endswith("/live/") else None)
    tab.goto(f"/admin/mailing/mailing/{mailing.pk}/change/")
    expect(tab.locator(".live")).to_contain_text("1 of 4")

    Attempt.objects.filter(pk=attempt.pk).update(sent=4, status=AttemptStatus.SUCCEEDED, finished_at=timezone.now())
    expect(tab.locator(".live")).to_contain_text("4 of 4")
    expect(tab.locator(".live h2")).to_have_text("Succeeded")
    expect(tab.locator(".page-head .pill")).to_have_text("succeeded")
    number = len(asked)
    tab.wait_for_timeout(4000)

    assert len(asked) == number
    assert watch.take() == []
