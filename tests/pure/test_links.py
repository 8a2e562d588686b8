from __future__ import annotations

import pytest
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from mailing import links


def token_of(email: str) -> str:
    return links.unsubscribe_url(email).rstrip("/").rpartition("/")[2]


def test_a_link_is_absolute_and_leads_to_the_page(settings: Settings) -> None:
    settings.SITE_URL = "https://letters.example.com"
    path = reverse("mailing:unsubscribe", args=[token_of("anna@example.ru")])
    assert links.unsubscribe_url("anna@example.ru") == f"https://letters.example.com{path}"


def test_a_site_with_a_unicode_domain_is_linked_in_ascii(settings: Settings) -> None:
    settings.SITE_URL = "https://Письма.рф/рассылки"
    url = links.unsubscribe_url("anna@example.ru")
    assert url.startswith("https://xn--80apmkl0e.xn--p1ai/%D1%80")
    assert url.isascii()


@given(st.emails())
def test_a_token_gives_back_its_address(email: str) -> None:
    token = token_of(email)
    assert links.email_from_token(token) == email
    assert token.replace("-", "").replace("_", "").isalnum()


@given(st.text(max_size=100))
def test_any_other_text_gives_nothing(text: str) -> None:
    assert links.email_from_token(text) is None


def test_a_token_fits_no_other_address() -> None:
    anna, boris = token_of("anna@example.ru"), token_of("boris@example.ru")
    assert links.email_from_token(anna[: links.MARK_CHARS] + boris[links.MARK_CHARS :]) is None
    for position in range(len(anna)):
        changed = anna[:position] + ("A" if anna[position] != "A" else "B") + anna[position + 1 :]
        assert links.email_from_token(changed) != "anna@example.ru"


@pytest.mark.parametrize("junk", ["", "=", "!" * 40, "é" * 30, "\ud800" * 30, "A" * 20, "A" * 5000])
def test_junk_is_no_trouble(junk: str) -> None:
    assert links.email_from_token(junk) is None


def test_old_links_work_while_the_old_key_is_a_fallback(settings: Settings) -> None:
    old = token_of("anna@example.ru")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key" * 5
    assert token_of("anna@example.ru") != old
    assert links.email_from_token(old) == "anna@example.ru"
    settings.SECRET_KEY_FALLBACKS = []
    assert links.email_from_token(old) is None
