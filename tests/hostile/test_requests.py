"""Requests that no browser makes: before the session, before the language, before any page."""

from __future__ import annotations

import pytest
from django.conf import LazySettings
from django.test import Client as Browser
from django.test import RequestFactory

from tests.doors.world import World


@pytest.fixture
def stranger(db: None, settings: LazySettings) -> Browser:
    settings.DEBUG = False
    return Browser()


NOT_UNDERSTOOD = "The request cannot be understood"


@pytest.mark.parametrize("address", ["/admin/login/?next=%00", "/u/%00/", "/%00", "/healthz?a%00=1"])
def test_an_address_with_a_character_no_text_holds_is_refused(stranger: Browser, address: str) -> None:
    answer = stranger.get(address)
    assert answer.status_code == 400
    assert NOT_UNDERSTOOD in answer.content.decode()


def test_a_cookie_with_such_a_character_is_refused(stranger: Browser) -> None:
    stranger.cookies.load({"sessionid": "abcdefgh\x00"})
    assert stranger.get("/admin/login/").status_code == 400


@pytest.mark.parametrize("charset", ["rot13", "base64", "utf-16", "idna", "no-such-charset", "UTF-8"])
@pytest.mark.parametrize("kind", ["text/html", "multipart/form-data; boundary=x"])
def test_whatever_charset_a_request_names_it_is_read_as_ours(db: None, charset: str, kind: str) -> None:
    from backoffice.wsgi import application

    asked = RequestFactory().get("/admin/login/?next=/").environ | {"CONTENT_TYPE": f"{kind}; charset={charset}"}
    answers: list[str] = []
    application(asked, lambda status, headers, *error: answers.append(status))
    assert answers == ["200 OK"]


def test_the_page_speaks_the_language_of_the_reader(stranger: Browser) -> None:
    assert "Запрос не удалось разобрать" in stranger.get("/%00", headers={"Accept-Language": "ru"}).content.decode()


def test_more_rows_than_anybody_can_choose_are_refused(world: World) -> None:
    chosen = {"action": "copy", "_selected_action": [str(number) for number in range(100_000)]}
    assert world.browser("S").post("/admin/mailing/message/", chosen).status_code in {400, 413}


def test_more_parameters_than_any_page_makes_are_refused(world: World) -> None:
    query = "&".join(f"a{number}=1" for number in range(5_000))
    assert world.browser("S").get(f"/admin/mailing/message/?{query}").status_code == 400


@pytest.mark.parametrize("field", ["attempts", "clients_through", "pk", "id", "name", "created_by"])
def test_a_search_box_of_a_field_that_leads_nowhere_is_closed(world: World, field: str) -> None:
    address = f"/admin/autocomplete/?app_label=mailing&model_name=mailing&field_name={field}&term=a"
    assert world.browser("V").get(address).status_code == 403


def test_a_search_longer_than_anybody_types_is_refused(world: World) -> None:
    address = "/admin/autocomplete/?app_label=mailing&model_name=mailing&field_name=message&term="
    assert world.browser("V").get(f"{address}{'x' * 200}").status_code == 200
    assert world.browser("V").get(f"{address}{'x' * 201}").status_code == 400
