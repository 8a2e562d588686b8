"""The box that finds anything: by word, by address, by number, in the wrong layout; and only what one may open."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone
from django.utils.html import escape

from mailing.choices import AttemptStatus, MailingStatus
from mailing.models import Client
from tests.admin.people import somebody
from tests.factories import (
    AttemptFactory,
    ClientFactory,
    MailingFactory,
    MessageFactory,
    SuppressionFactory,
)

pytestmark = pytest.mark.django_db

FIND = "/admin/find/"
LINK = re.compile(r'<a[^>]* href="([^"]+)"')


def part(browser: Browser, text: str) -> str:
    answer = browser.get(FIND, {"q": text, "part": "1"})
    assert answer.status_code == 200
    return answer.content.decode()


def links(browser: Browser, text: str) -> list[str]:
    return [url.replace("&amp;", "&") for url in LINK.findall(part(browser, text))]


def test_a_client_is_found_by_name_and_comes_with_their_address(browser: Browser) -> None:
    client = ClientFactory(full_name="Мария Чайкина", email="mary@mail.example")
    page = part(browser, "чайк")
    assert f"/admin/mailing/client/{client.pk}/change/" in page
    assert "mary@mail.example" in page


def test_an_address_to_the_letter_comes_first_and_alone(browser: Browser) -> None:
    ClientFactory(email="xanna@mail.example")
    anna = ClientFactory(email="anna@mail.example")
    MailingFactory(name="anna@mail.example wrote")
    assert links(browser, "Anna <ANNA@mail.example>") == [f"/admin/mailing/client/{anna.pk}/change/"]
    assert links(browser, " anna@MAIL.example ")[0] == f"/admin/mailing/client/{anna.pk}/change/"


def test_a_client_who_gets_no_mail_is_marked(browser: Browser) -> None:
    SuppressionFactory(email=ClientFactory(full_name="Зоя").email)
    assert "pill" in part(browser, "зоя")


def test_the_wrong_keyboard_layout_is_understood_both_ways_and_said(browser: Browser) -> None:
    client = ClientFactory(full_name="Привет Иванов")
    message = MessageFactory(subject="Hello there")
    page = part(browser, "ghbdtn")
    assert f"/admin/mailing/client/{client.pk}/change/" in page
    assert "привет" in page
    assert f"/admin/mailing/message/{message.pk}/change/" in part(browser, "руддщ")


def test_what_is_found_as_typed_is_not_looked_for_in_the_other_layout(browser: Browser) -> None:
    ClientFactory(full_name="Ghbdtn")
    ClientFactory(full_name="Привет")
    assert "Привет" not in part(browser, "ghbdtn")


def test_a_mailing_is_found_with_its_state_and_the_soonest_stands_first(browser: Browser) -> None:
    over = MailingFactory(name="Tea of last year", status=MailingStatus.FINISHED)
    later = MailingFactory(name="Tea later", next_run_at=timezone.now() + timedelta(days=9))
    soon = MailingFactory(name="Tea soon", next_run_at=timezone.now() + timedelta(days=1))
    found = links(browser, "tea")
    places = [found.index(f"/admin/mailing/mailing/{mailing.pk}/change/") for mailing in (soon, later, over)]
    assert places == sorted(places)
    assert "pill" in part(browser, "tea")


def test_a_run_is_found_by_its_number(browser: Browser) -> None:
    attempt = AttemptFactory(status=AttemptStatus.SUCCEEDED, mailing=MailingFactory(name="Tea"))
    for text in (f"{attempt.pk}", f"№{attempt.pk}", f"# {attempt.pk}", f"attempt {attempt.pk}"):
        assert links(browser, text)[0] == f"/admin/mailing/attempt/{attempt.pk}/change/", text
    assert links(browser, str(10**30)) == []


def test_a_verb_and_a_name_lead_to_the_page_that_asks(browser: Browser) -> None:
    tea = MailingFactory(name="Morning tea")
    MailingFactory(name="Coffee")
    assert links(browser, "pause tea")[0] == f"/admin/mailing/mailing/{tea.pk}/pause/"
    assert links(browser, "send now tea")[0] == f"/admin/mailing/mailing/{tea.pk}/send/"
    before = tea.is_paused
    for url in ("pause", "send", "finish"):
        assert browser.get(f"/admin/mailing/mailing/{tea.pk}/{url}/").status_code == 200
    tea.refresh_from_db()
    assert tea.is_paused is before


def test_a_paused_mailing_is_offered_to_be_resumed_and_not_to_be_paused(browser: Browser) -> None:
    tea = MailingFactory(name="Tea", is_paused=True)
    assert links(browser, "resume")[0] == f"/admin/mailing/mailing/{tea.pk}/resume/"
    assert f"/admin/mailing/mailing/{tea.pk}/pause/" not in links(browser, "pause")


def test_things_to_begin_and_places_are_found_by_other_words_too(browser: Browser) -> None:
    assert links(browser, "excel")[:1] == ["/admin/mailing/client/import/"]
    assert "/admin/mailing/mailing/add/" in links(browser, "new mail")
    assert links(browser, "overv") == ["/admin/"]
    assert "/admin/password_change/" in links(browser, "settings")


def test_before_anything_is_typed_it_shows_where_one_may_go(browser: Browser) -> None:
    mailing = MailingFactory()
    found = links(browser, "")
    assert f"/admin/mailing/mailing/{mailing.pk}/change/" in found
    assert {"/admin/", "/admin/mailing/mailing/add/", "/admin/mailing/client/"} <= set(found)


def test_more_than_is_shown_leads_to_the_list_that_has_the_rest(browser: Browser) -> None:
    for number in range(8):
        ClientFactory(full_name=f"Same & Same {number}")
    assert "/admin/mailing/client/?q=same+%26" in links(browser, "same &")
    assert len(links(browser, "same &")) == 7


@pytest.mark.parametrize("right", ["view_mailing", "view_client", "view_message", "view_attempt"])
def test_there_is_no_trace_of_what_one_may_not_see(right: str) -> None:
    kinds = {
        "view_client": ClientFactory(full_name="Secret", email="secret@mail.example"),
        "view_message": MessageFactory(subject="Secret"),
        "view_mailing": MailingFactory(name="Secret", message=MessageFactory(subject="Other")),
    }
    kinds["view_attempt"] = AttemptFactory(mailing=MailingFactory(name="Hidden"))
    browser = somebody(right)
    found = {*links(browser, "secret"), *links(browser, str(kinds["view_attempt"].pk))}
    kind = right.removeprefix("view_")
    assert all(f"/mailing/{kind}/" in url for url in found), found
    assert found


def test_hostile_words_do_no_harm(browser: Browser) -> None:
    ClientFactory(full_name='<b onclick="x">"\'\u202eB</b>')
    for text in (
        "<b onclick",
        '"; DROP',
        "%",
        "_",
        "\\",
        "*",
        "\u202e",
        "' OR 1=1",
        "a" * 200,
        "NEAR(",
        "@",
        "@@",
    ):
        page = part(browser, text)
        assert "<b onclick" not in page
        assert escape(text) in browser.get(FIND, {"q": text}).content.decode()


def test_words_that_are_too_long_are_kept_and_answered_with_a_sentence(browser: Browser) -> None:
    text = "long " * 100
    page = browser.get(FIND, {"q": text}).content.decode()
    assert "200" in page
    assert text.strip() in page


def test_it_is_a_page_that_needs_no_script(browser: Browser) -> None:
    client = ClientFactory(full_name="Мария")
    page = browser.get(FIND, {"q": "мария"}).content.decode()
    assert "</html>" in page
    assert f"/admin/mailing/client/{client.pk}/change/" in page
    assert 'class="find-link"' in browser.get("/admin/").content.decode()


def test_looking_changes_nothing_and_takes_no_post(browser: Browser) -> None:
    assert browser.post(FIND, {"q": "a"}).status_code == 405


@pytest.mark.parametrize("text", ["", "client", "pause", "7", "xyzzy", "ghbdtn"])
def test_the_number_of_queries_does_not_grow_and_the_answer_stays_small(
    browser: Browser, django_assert_max_num_queries: Any, text: str
) -> None:
    for number in range(30):
        mailing = MailingFactory(name=f"Pause {number}", clients=[ClientFactory(full_name=f"Client {number}")])
        AttemptFactory(mailing=mailing, status=AttemptStatus.SUCCEEDED)
    SuppressionFactory(email=Client.objects.earliest("pk").email)
    with django_assert_max_num_queries(28 if text in {"xyzzy", "ghbdtn"} else 20):
        assert len(part(browser, text).encode()) < 30_000
