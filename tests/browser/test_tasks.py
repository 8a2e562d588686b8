"""What a newcomer does most, counted: each press of a button, each key, each choice; typing of texts aside."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page as Tab
from playwright.sync_api import expect

from mailing.choices import AttemptStatus, Audience, DeliveryReason, DeliveryStatus, MailingStatus, Periodicity
from mailing.models import Attempt, Client, Mailing
from tests.browser.conftest import Login
from tests.factories import AttemptFactory, ClientFactory, DeliveryFactory, MailingFactory

pytestmark = pytest.mark.django_db(transaction=True)

FILE: Any = {"name": "clients.csv", "mimeType": "text/csv", "buffer": "email;ФИО\nanna@mail.example;Анна\n".encode()}


class Hand:
    """One person at one tab. `presses`: of the mouse and of single keys."""

    def __init__(self, tab: Tab) -> None:
        self.tab, self.presses = tab, 0

    def press(self, what: str) -> None:
        """The first that is seen of what the selector names."""
        self.presses += 1
        self.tab.locator(f"{what} >> visible=true").first.click()

    def key(self, name: str) -> None:
        self.presses += 1
        self.tab.keyboard.press(name)

    def type(self, where: str, text: str) -> None:
        """Text in a field, which is pressed first."""
        self.press(where)
        self.tab.locator(f"{where} >> visible=true").first.fill(text)

    def choose(self, where: str, label: str) -> None:
        """Of a box with choices: opened, chosen."""
        self.presses += 2
        self.tab.locator(where).select_option(label=label)


def test_a_first_mailing_from_nothing(login: Login) -> None:
    hand = Hand(login("Manager", language="en").new_page())
    hand.tab.goto("/admin/")

    hand.press("main a[href$='/client/import/']")
    hand.presses += 2  # the button that opens the browser's dialogue, and the file there
    hand.tab.set_input_files("input[type=file]", FILE)
    hand.press("main form[enctype] .btn-primary")
    hand.press(".strip .btn-primary")
    expect(hand.tab.locator("h1")).to_be_visible()

    hand.press(".brand")
    hand.press("main a[href$='/message/add/']")
    hand.type("[name=subject]", "Tea")
    hand.type("[name=body]", "Hello!")
    hand.press("[name=_save]")

    hand.press(".brand")
    hand.press("main a[href*='/mailing/add/']")
    hand.press(".select2-selection")
    hand.press(".select2-results__option >> text=Tea")
    hand.press("input[name=audience][value=everyone]")
    hand.press("[name=_save]")

    mailing = Mailing.objects.get()
    assert (mailing.message.subject, mailing.audience, mailing.is_paused) == ("Tea", Audience.EVERYONE, False)
    assert Client.objects.count() == 1
    assert hand.presses <= 20


@pytest.fixture
def refused(db: None) -> Attempt:
    """The last run of a mailing: two got it, one mailbox is gone."""
    now = timezone.now()
    mailing = MailingFactory(
        name="Digest", clients=3, periodicity=Periodicity.WEEKLY, status=MailingStatus.RUNNING,
        active_since=now - timedelta(days=9), start_at=now - timedelta(days=8), next_run_at=now + timedelta(days=6),
    )  # fmt: skip
    attempt = AttemptFactory(
        mailing=mailing, status=AttemptStatus.PARTLY, audience=3, sent=2, failed=1,
        started_at=now - timedelta(days=1), finished_at=now - timedelta(days=1),
    )  # fmt: skip
    full, *others = mailing.clients.all()
    for client in others:
        DeliveryFactory(attempt=attempt, client=client, status=DeliveryStatus.SENT, tries=1)
    DeliveryFactory(
        attempt=attempt, client=full, status=DeliveryStatus.FAILED, reason=DeliveryReason.NO_SUCH_MAILBOX, tries=1,
        code=550, response="550 5.1.1 User unknown",
    )  # fmt: skip
    return attempt


def test_who_did_not_get_it_and_why_and_once_more_to_those(refused: Attempt, login: Login) -> None:
    hand = Hand(login("Manager", language="en").new_page())
    hand.tab.goto("/admin/")
    who = refused.deliveries.get(status=DeliveryStatus.FAILED).email

    hand.press("main a[href*='/attempt/']")
    hand.press("main a[href*='/delivery/']")
    expect(hand.tab.locator("main")).to_contain_text(who)
    expect(hand.tab.locator("main")).to_contain_text("no such mailbox")
    assert hand.presses <= 3

    hand.presses = 0
    hand.tab.goto(f"/admin/mailing/attempt/{refused.pk}/change/")
    hand.press("form[action$='/retry/'] button")
    expect(hand.tab.locator(".messagelist .success")).to_be_visible()
    again = Attempt.objects.exclude(pk=refused.pk).get()
    assert list(again.deliveries.values_list("email", flat=True)) == [who]
    assert hand.presses <= 3


def test_what_a_client_gets(login: Login) -> None:
    client = ClientFactory(email="anna@mail.example", full_name="Anna Ivanova")
    mailing = MailingFactory(name="Digest", clients=[client], status=MailingStatus.RUNNING)
    hand = Hand(login("Manager", language="en").new_page())
    hand.tab.goto("/admin/")

    hand.key("Control+k")
    hand.tab.keyboard.type("anna@mail")
    expect(hand.tab.locator("dialog[open]")).to_contain_text("Anna Ivanova")
    hand.key("Enter")

    hand.tab.wait_for_url(f"**/client/{client.pk}/change/")
    expect(hand.tab.locator("main")).to_contain_text(mailing.name)
    assert hand.presses <= 2
