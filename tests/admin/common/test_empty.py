"""An empty list teaches: what belongs there, what to do first, and the button for it, if the person may press one."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.test import Client as Browser

from mailing.admin.attempts.links import ONE_ATTEMPT
from mailing.choices import AttemptStatus
from tests.factories import AttemptFactory, ClientFactory, MessageFactory, UserFactory

pytestmark = pytest.mark.django_db

LISTS = ("client", "message", "mailing", "attempt", "delivery", "suppression")


def member(group: str) -> Browser:
    user = UserFactory()
    user.groups.add(Group.objects.get(name=group))
    browser = Browser()
    browser.force_login(user)
    return browser


@pytest.mark.parametrize(
    ("model", "group", "buttons"),
    [
        ("client", "Manager", ["Load from a file", "Add by hand"]),
        ("client", "Editor", ["Load from a file", "Add by hand"]),
        ("client", "Viewer", []),
        ("message", "Editor", ["New message"]),
        ("message", "Viewer", []),
        ("mailing", "Editor", ["First load your clients"]),
        ("mailing", "Viewer", []),
        ("attempt", "Manager", ["To the mailings"]),
        ("attempt", "Viewer", []),
        ("delivery", "Viewer", ["To the attempts"]),
        ("suppression", "Editor", ["Add an address", "Add from a file"]),
        ("suppression", "Viewer", []),
    ],
)
def test_an_empty_list_offers_what_the_person_may_press_and_all_of_it_opens(
    model: str, group: str, buttons: list[str]
) -> None:
    browser = member(group)
    answer = browser.get(f"/admin/mailing/{model}/")
    offered = answer.context["empty_buttons"]
    assert [str(button.label) for button in offered] == buttons
    assert sum(button.primary for button in offered) == bool(buttons)
    assert all(browser.get(button.url).status_code == 200 for button in offered)


@pytest.mark.parametrize("group", ["Manager", "Editor", "Viewer"])
@pytest.mark.parametrize("model", LISTS)
def test_it_says_what_it_is_and_where_to_read_more(model: str, group: str) -> None:
    answer = member(group).get(f"/admin/mailing/{model}/")
    assert answer.context["is_empty"]
    assert len(str(answer.context["empty_text"])) > 40
    assert "More about it in the guide" in answer.content.decode()
    if not answer.context["empty_buttons"]:
        assert "Write" not in str(answer.context["empty_text"])
        assert "Load" not in str(answer.context["empty_text"])


def test_after_the_clients_comes_a_message_and_then_the_mailing() -> None:
    browser = member("Editor")
    ClientFactory()
    assert [str(b.label) for b in browser.get("/admin/mailing/mailing/").context["empty_buttons"]] == [
        "First write a message"
    ]
    MessageFactory()
    assert [str(b.label) for b in browser.get("/admin/mailing/mailing/").context["empty_buttons"]] == ["New mailing"]


def test_a_search_that_finds_nothing_says_how_is_searched_and_leads_back() -> None:
    ClientFactory()
    page = member("Viewer").get("/admin/mailing/client/?q=<b>nobody").content.decode()
    assert "Nothing found for “&lt;b&gt;nobody”" in page
    assert "What is searched: by name, address and comment." in page
    assert '<a class="btn" href="?">' in page


def test_filters_that_let_nothing_through_say_so() -> None:
    ClientFactory()
    page = member("Viewer").get("/admin/mailing/client/?receives=no").content.decode()
    assert "No row fits all of the filters" in page
    assert "What is searched" not in page


def test_an_attempt_whose_deliveries_are_gone_says_why() -> None:
    attempt = AttemptFactory(status=AttemptStatus.SUCCEEDED, audience=1, sent=1)
    browser = member("Viewer")
    assert (
        "some months after it" in browser.get(f"/admin/mailing/delivery/?{ONE_ATTEMPT}={attempt.pk}").content.decode()
    )
    assert "Nothing found" in browser.get(f"/admin/mailing/delivery/?{ONE_ATTEMPT}={attempt.pk}&q=a").content.decode()
