"""What the back office has of the demo beside its mailbox: a word on every page, and examples to begin with."""

from __future__ import annotations

import pytest
from django.conf import LazySettings
from django.contrib.admin.models import LogEntry
from django.test import Client as Browser

from mailing.models import Mailing


@pytest.fixture(autouse=True)
def demo_mode(settings: LazySettings) -> None:
    settings.DEBUG, settings.EMAIL_HOST = True, "127.0.0.1"


def overview(browser: Browser) -> str:
    return browser.get("/admin/").content.decode()


def test_every_page_says_that_no_letters_leave_this_machine_and_leads_to_them(admin_client: Browser) -> None:
    assert "Demo: letters stay here" in overview(admin_client)
    assert 'href="/admin/mailbox/"' in overview(admin_client)


def test_an_empty_demo_is_filled_with_examples_by_one_button(admin_client: Browser) -> None:
    assert 'action="/admin/examples/"' in overview(admin_client)
    page = admin_client.post("/admin/examples/", follow=True)
    assert "Filled with examples" in page.content.decode()
    assert Mailing.objects.count() > 4
    assert LogEntry.objects.get().object_repr == "Examples"


@pytest.mark.parametrize(("name", "value"), [("DEBUG", False), ("EMAIL_HOST", "smtp.example.com")])
def test_where_letters_go_to_people_nothing_of_it_is_shown(
    admin_client: Browser, settings: LazySettings, name: str, value: object
) -> None:
    setattr(settings, name, value)
    page = overview(admin_client)
    assert "Demo" not in page
    assert "/admin/mailbox/" not in page
    assert "/admin/examples/" not in page
    assert admin_client.post("/admin/examples/").status_code == 404
