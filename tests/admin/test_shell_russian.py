"""The Russian admin is Russian: no English word, no phrase with a gender it cannot know."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.utils import translation
from lxml import etree
from lxml import html as lxml_html

from tests.browser import world
from tests.browser.pages import discover
from tests.factories import ClientFactory

pytestmark = [pytest.mark.django_db, pytest.mark.once]  # words are the same over any database

COMPILED = Path(settings.LOCALE_PATHS[0]) / "ru" / "LC_MESSAGES" / "django.mo"

GENDERED = (
    "был успешно", "была успешно", "был изменен", "был удален", "Добавить рассылка", "Добавить клиент",
    "Выберите рассылка", "Выберите пользователь", "Добавить еще один", "Добавить ещё один", "Да, я уверен",
    "600 клиенты", "Удалить выбранные",
)  # fmt: skip
# Latin words that are right in a Russian sentence, and the data of the test.
NOT_ENGLISH = re.compile(
    r"[\w.+-]+@[\w.-]+|https?://\S+|\{\{.*?\}\}|UTC[+-]?\d*|Europe/Moscow|HTML|CSV|XLSX?|Excel|Caps Lock|Ctrl|Mac"
    r"|Command|Control|email|e-mail|Message-ID|IP|SMTP|TLS|DNS|MB|qcluster|manage\.py|superuser-\d+|Accept|id\b"
    r"|\b[\w-]+\.(ru|com|example)\b|Editor|Manager|Viewer|Samovar",  # groups are stored under these names
    re.IGNORECASE,
)
SPOKEN_ATTRIBUTES = ("title", "aria-label", "placeholder", "alt")
SERVER_WORDS = ("field-first_words", "field-response", "response")


@pytest.fixture
def client(db: None) -> Client:
    boss = User.objects.create_superuser("superuser-1", "boss@example.com", "secret")
    world.remember_a_change(boss, world.build())
    client = Client()
    client.force_login(boss, backend="django.contrib.auth.backends.ModelBackend")
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "ru"
    return client


def spoken(document: str) -> Iterator[str]:
    """What a person reads or hears: texts, and the attributes that are words."""
    tree = lxml_html.fromstring(document)
    for element in list(tree.iter("script", "style", "code", "pre", "textarea", "svg", "kbd")):
        element.drop_tree()
    for element in tree.xpath("//*[@id='id_password']/p[1]"):  # salt and hash; hidden by the theme
        element.drop_tree()
    for element in tree.xpath("//*[@lang='en']") + [e for name in SERVER_WORDS for e in tree.find_class(name)]:
        if element.getparent() is not None and element.tag != "html":
            element.drop_tree()
    for element in tree.iter(etree.Element):
        yield from (element.text or "", element.tail or "")
        yield from (element.get(name, "") for name in SPOKEN_ATTRIBUTES)
        if element.tag == "input" and element.get("type") in {"submit", "button"}:
            yield element.get("value", "")


def english(document: str) -> list[str]:
    return [
        text.strip()
        for text in spoken(document)
        if re.search(r"[A-Za-z]{3,}", NOT_ENGLISH.sub("", text)) and text.strip() not in {"True", "False", "None"}
    ]


@pytest.mark.skipif(not COMPILED.exists(), reason=f"NOT TESTED: {COMPILED} is missing (make messages)")
def test_no_page_has_an_english_word(client: Client) -> None:
    found = []
    for page in discover(client):
        found += [f"{page.name}: {words}" for words in english(client.get(page.url).content.decode())]
    assert found == []


def test_no_page_has_the_words_of_django_that_cannot_be_declined(client: Client) -> None:
    found = []
    for page in discover(client):
        text = " ".join(spoken(client.get(page.url).content.decode()))
        found += [f"{page.name}: {phrase}" for phrase in GENDERED if re.search(rf"{phrase}\b", text)]
    assert found == []


def test_the_furniture_of_foreign_screens_is_russian_too(client: Client) -> None:
    for url in ("/admin/mailing/accessevent/", "/admin/auth/group/add/"):
        words = set(re.findall(r"\b[A-Z][a-z]+\b", " ".join(spoken(client.get(url).content.decode()))))
        assert words & {"Save", "Select", "Add", "Change", "Home", "Yes", "No"} == set(), url


@pytest.mark.parametrize(
    ("msgid", "russian"),
    [
        ("Add %s", "Создать: %s"),
        ("Select %s to change", "%s: список"),
        ("The {name} “{obj}” was added successfully.", "Сохранено: {name} «{obj}»."),
        ("The %(name)s “%(obj)s” was deleted successfully.", "Удалено: %(name)s «%(obj)s»."),
    ],
)
def test_our_wording_wins_over_djangos(msgid: str, russian: str) -> None:
    with translation.override("ru"):
        assert translation.gettext(msgid) == russian


def test_saving_and_deleting_say_what_was_done_without_a_gender(client: Client) -> None:
    someone = ClientFactory(full_name="Анна", email="anna@example.ru")
    saved = client.post(
        f"/admin/mailing/client/{someone.pk}/change/", {"email": someone.email, "full_name": "Анна К."}, follow=True
    )
    assert "Сохранено:" in saved.content.decode()
    deleted = client.post(f"/admin/mailing/client/{someone.pk}/delete/", {"post": "yes"}, follow=True)
    assert "Удалено:" in deleted.content.decode()
