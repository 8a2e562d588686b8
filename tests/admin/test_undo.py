"""The button “Undo” in a message: for whoever could press it, safe to show, and honest when it comes too late."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.utils import timezone

from mailing.choices import SuppressionReason
from mailing.models import Mailing, Suppression, Undo
from tests.admin.clients.test_actions import act
from tests.admin.people import somebody
from tests.factories import ClientFactory, MailingFactory, SuppressionFactory

pytestmark = pytest.mark.django_db

BUTTON = re.compile(r'<form method="post" action="(/admin/undo/\d+/)"')
PAUSE = "/admin/mailing/mailing/{}/pause/"


def after(browser: Browser, url: str, **data: object) -> str:
    return browser.post(url, data, follow=True).content.decode()


def button(page: str) -> str:
    found = BUTTON.findall(page)
    assert len(found) == 1
    return str(found[0])


def test_a_pause_is_taken_back_where_the_button_stands(browser: Browser) -> None:
    mailing = MailingFactory(clients=[ClientFactory()])
    url = f"/admin/mailing/mailing/{mailing.pk}/change/"
    undo = button(after(browser, PAUSE.format(mailing.pk)))
    answer = browser.post(undo, headers={"referer": f"http://testserver{url}?a=1"}, follow=True)
    assert answer.redirect_chain == [(f"{url}?a=1", 302)]
    assert "Undone: the mailing sends again." in answer.content.decode()
    assert not Mailing.objects.get().is_paused
    assert "undone already" in after(browser, undo)


def test_a_mailing_that_was_paused_before_is_not_offered_to_be_resumed_as_an_undo(browser: Browser) -> None:
    mailing = MailingFactory(is_paused=True, clients=[ClientFactory()])
    assert not BUTTON.findall(after(browser, PAUSE.format(mailing.pk)))


def test_several_pauses_are_taken_back_together(browser: Browser) -> None:
    paused = MailingFactory(is_paused=True, clients=[ClientFactory()])
    active = [MailingFactory(clients=[ClientFactory()]) for _number in range(2)]
    rows = [paused.pk, *(mailing.pk for mailing in active)]
    page = after(browser, "/admin/mailing/mailing/", action="pause", _selected_action=rows)
    assert "Undone: 2 mailings send again." in after(browser, button(page))
    assert Mailing.objects.filter(is_paused=True).get() == paused


def test_removed_recipients_come_back(browser: Browser) -> None:
    mailing = MailingFactory(name='<b>"Tea"</b>', clients=[ClientFactory(), ClientFactory()])
    page = act(browser, "remove_from_mailing", on=list(mailing.clients.all()), mailing=mailing.pk, apply=1)
    shown = (
        browser.get("/admin/mailing/client/").content.decode() if page.status_code == 302 else page.content.decode()
    )
    assert '<b>"Tea"</b>' not in shown
    assert "Undone: 2 clients are recipients again." in after(browser, button(shown))
    assert mailing.clients.count() == 2


def test_a_client_stopped_or_returned_by_a_slip_is_as_before(browser: Browser) -> None:
    client = ClientFactory()
    after(browser, button(after(browser, f"/admin/mailing/client/{client.pk}/stop/")))
    assert not Suppression.objects.exists()

    entry = SuppressionFactory(email=client.email, reason=SuppressionReason.UNSUBSCRIBED, note="by the link")
    after(browser, button(after(browser, f"/admin/mailing/client/{client.pk}/lift/")))
    again = Suppression.objects.get()
    assert (again.reason, again.note, again.created_at) == (entry.reason, entry.note, entry.created_at)


def test_on_the_stop_list_both_ways_can_be_taken_back(browser: Browser) -> None:
    page = after(browser, "/admin/mailing/suppression/add/", email="a@mail.example", reason="manual", note="")
    after(browser, button(page))
    assert not Suppression.objects.exists()
    entry = SuppressionFactory()
    after(browser, button(after(browser, f"/admin/mailing/suppression/{entry.pk}/lift/")))
    assert Suppression.objects.get().email == entry.email


def test_who_may_not_let_letters_go_again_is_offered_no_undo_of_a_stop() -> None:
    editor = somebody("view_client", "change_client", "add_suppression")
    client = ClientFactory()
    assert not BUTTON.findall(after(editor, f"/admin/mailing/client/{client.pk}/stop/"))
    assert not Undo.objects.exists()


def test_the_button_carries_a_token_and_nothing_happens_without_it(superuser: User) -> None:
    strict = Browser(enforce_csrf_checks=True)
    strict.force_login(superuser)
    loose = Browser()
    loose.force_login(superuser)
    page = after(loose, PAUSE.format(MailingFactory(clients=[ClientFactory()]).pk))
    undo = button(page)
    assert strict.post(undo).status_code == 403
    assert re.search(rf'action="{undo}"[^>]*><input type="hidden" name="csrfmiddlewaretoken" value="\w+"', page)


def test_another_persons_undo_says_no_more_than_that_there_is_none(browser: Browser) -> None:
    undo = button(after(browser, PAUSE.format(MailingFactory(clients=[ClientFactory()]).pk)))
    stranger = somebody("send_mailing", "change_mailing", "view_mailing")
    for url in (undo, "/admin/undo/999999/", f"/admin/undo/{2**63 - 1}/"):
        assert "There is nothing to undo any more." in after(stranger, url)
    assert Mailing.objects.get().is_paused


def test_too_late_is_said_and_a_get_changes_nothing(browser: Browser) -> None:
    undo = button(after(browser, PAUSE.format(MailingFactory(clients=[ClientFactory()]).pk)))
    assert browser.get(undo).status_code == 302
    Undo.objects.update(expires_at=timezone.now())
    assert "It is too late to undo that" in after(browser, undo)
    assert Mailing.objects.get().is_paused


@pytest.mark.parametrize(
    "referer",
    ["https://evil.example/admin/", "//evil.example/admin/", "javascript:alert(1)", "http://testserver/u/token/", ""],
)
def test_it_leads_nowhere_but_to_our_own_pages(browser: Browser, referer: str) -> None:
    undo = button(after(browser, PAUSE.format(MailingFactory(clients=[ClientFactory()]).pk)))
    assert browser.post(undo, headers={"referer": referer})["Location"] == "/admin/"
    assert browser.post(undo, headers={"referer": f"http://testserver{undo}"})["Location"] == "/admin/"
