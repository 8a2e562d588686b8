"""Boxes that search mailings and messages: all of them with scripts, the newest without."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client as Browser

from mailing.choices import Audience, MailingStatus
from tests.factories import ClientFactory, MailingFactory, MessageFactory, UserFactory

pytestmark = pytest.mark.django_db
AUTOCOMPLETE = "/admin/autocomplete/"
CLIENTS = "/admin/mailing/client/"


@pytest.fixture(autouse=True)
def _few_are_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailing.admin.common.filters.OFFERED", 2)
    monkeypatch.setattr("mailing.forms.clients.OFFERED", 2)


def suggested(browser: Browser, term: str, model: str = "attempt", field: str = "mailing") -> list[str]:
    asked = {"app_label": "mailing", "model_name": model, "field_name": field, "term": term}
    return [row["text"] for row in browser.get(AUTOCOMPLETE, asked).json()["results"]]


def act(browser: Browser, **fields: Any) -> Any:
    return browser.post(
        CLIENTS, {"action": "add_to_mailing", "select_across": "1", "_selected_action": "0", **fields}
    )


@pytest.mark.parametrize("term", ["ёлки", "ЕЛКИ", "зимние Ёлки", "елк"])
def test_a_mailing_is_found_by_any_word_in_any_case(browser: Browser, term: str) -> None:
    MailingFactory(name="Зимние Ёлки")
    MailingFactory(name="Летние")
    assert suggested(browser, term) == ["Зимние Ёлки"]


def test_a_mailing_without_a_name_is_found_by_its_subject(browser: Browser) -> None:
    MailingFactory(name="", message=MessageFactory(subject="Новости Сада"))
    assert suggested(browser, "сада") == ["Новости Сада"]


def test_the_lists_of_mailings_and_messages_are_searched_alike(browser: Browser) -> None:
    MailingFactory(name="Зимние Ёлки", message=MessageFactory(subject="Привет", body="Большая СКИДКА"))
    for address in ("/admin/mailing/mailing/?q=елки", "/admin/mailing/message/?q=скидка"):
        assert browser.get(address).context["cl"].result_count == 1


def test_a_box_that_puts_clients_into_a_mailing_offers_only_open_ones(browser: Browser) -> None:
    MailingFactory(name="Открыта")
    MailingFactory(name="Всем", audience=Audience.EVERYONE)
    MailingFactory(name="Кончена", status=MailingStatus.FINISHED)
    assert suggested(browser, "", "clientimport") == ["Открыта"]


def test_an_editor_is_offered_drafts(browser: Browser) -> None:
    MailingFactory(name="Идёт")
    MailingFactory(name="Черновик", is_paused=True)
    editor = UserFactory()
    editor.user_permissions.set(Permission.objects.filter(codename__in=("view_mailing", "change_mailing")))
    browser.force_login(editor)
    assert suggested(browser, "", "clientimport") == ["Черновик"]


def test_the_page_of_an_action_takes_a_mailing_that_is_not_among_the_newest(browser: Browser) -> None:
    ClientFactory.create_batch(3)
    old, *_newer = [MailingFactory(name=f"Рассылка {number}") for number in range(4)]
    page = act(browser)
    assert [value for value, _words in page.context["form"].fields["mailing"].choices][1:] != [str(old.pk)]
    page = act(browser, mailing=old.pk)
    assert f'<option value="{old.pk}" selected>' in page.content.decode()
    assert act(browser, mailing=old.pk, apply="1").status_code == 302
    assert old.clients.count() == 3


@pytest.mark.parametrize("value", ["999999", "x", "9" * 40, "²"])
def test_a_mailing_that_does_not_exist_is_no_choice(browser: Browser, value: str) -> None:
    ClientFactory()
    assert "not one of the available choices" in act(browser, mailing=value).content.decode()


def test_a_mailing_nobody_may_add_to_is_no_choice(browser: Browser) -> None:
    ClientFactory()
    everyone = MailingFactory(audience=Audience.EVERYONE)
    assert "not one of the available choices" in act(browser, mailing=everyone.pk).content.decode()


@pytest.mark.parametrize("address", [CLIENTS, "/admin/mailing/attempt/"])
def test_the_filter_works_without_scripts_and_brings_the_box_along(browser: Browser, address: str) -> None:
    ClientFactory()
    old, *_rest = [MailingFactory(name=f"Рассылка {number}", clients=1) for number in range(4)]
    html = browser.get(f"{address}?mailing={old.pk}").content.decode()
    assert f'<option value="{old.pk}" selected>Рассылка 0</option>' in html
    assert html.count('<option value="', html.index('id="filter-mailing"')) >= 4
    assert 'data-model-name="attempt"' in html
    assert "admin/js/autocomplete.js" in html
