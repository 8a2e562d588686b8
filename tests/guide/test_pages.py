"""The guide is whole: each page in both languages, every link leads somewhere, every label is one of the screens."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import polib
import pytest
from django.contrib.auth.models import Group
from django.test import Client as Browser
from django.urls import resolve
from django.utils.translation import override

from mailing.guide import markup, pages, terms
from tests.factories import UserFactory
from tests.processes import PROJECT

TEXTS = [
    pytest.param(name, language, id=f"{name} {language}") for name, language in product(pages.PAGES, pages.LANGUAGES)
]
CATALOGUE = PROJECT / "mailing/locale/ru/LC_MESSAGES/django.po"
NO_LABELS = {"runs", "отправки"}
LARGEST = 2 * 1024 * 1024  # of all pictures together


def source(name: str, language: str) -> str:
    return (pages.FOLDER / language / f"{name}.md").read_text()


def test_every_page_is_written_in_both_languages_and_none_is_left_over() -> None:
    for language in pages.LANGUAGES:
        assert {path.stem for path in (pages.FOLDER / language).glob("*.md")} == set(pages.PAGES)


@pytest.mark.parametrize("name", pages.PAGES)
def test_both_languages_tell_the_same_in_the_same_order(name: str) -> None:
    def outline(language: str) -> list[str]:
        return re.findall(
            r"^(?:##|- |\d+\. |!\[.*?\]\([\w-]+\))", re.sub(r"!\[.*?\]", "![]", source(name, language)), re.MULTILINE
        )

    assert outline("en") == outline("ru")


@pytest.mark.parametrize(("name", "language"), TEXTS)
def test_every_link_leads_somewhere(name: str, language: str) -> None:
    for target in re.findall(r"(?<!!)\[[^\]]+\]\(([^)]+)\)", re.sub(r"!\[.*?\]\(.*?\)", "", source(name, language))):
        page, _, anchor = target.partition("#")
        if page == "words":
            assert not anchor or terms.get(anchor)
        elif page.startswith("/admin/"):
            assert resolve(page)
        else:
            assert page.removesuffix(".md") in (*pages.PAGES, "")
            there = pages.read(page.removesuffix(".md") or name, language)
            assert not anchor or anchor in {found for found, _words in there.headings}


@pytest.mark.parametrize(("name", "language"), TEXTS)
def test_what_stands_out_is_called_as_on_the_screens(name: str, language: str) -> None:
    catalogue = polib.pofile(str(CATALOGUE))
    known = {
        text.removesuffix("…").lower()
        for entry in catalogue
        for text in ((entry.msgid,) if language == "en" else (entry.msgstr, *entry.msgstr_plural.values()))
    }
    strong = {words.lower() for words in re.findall(r"\*\*([^*]+)\*\*", source(name, language))} - {"?"}
    assert strong - known - NO_LABELS == set()


@pytest.mark.parametrize("language", pages.LANGUAGES)
def test_every_page_opens_for_whoever_works_here(db: None, language: str) -> None:
    user = UserFactory()
    user.groups.add(Group.objects.get(name="Viewer"))
    browser = Browser(headers={"accept-language": language})
    browser.force_login(user)
    for address in ("/admin/help/", "/admin/help/words/", *(f"/admin/help/{name}/" for name in pages.PAGES)):
        answer = browser.get(address)
        assert answer.status_code == 200
        assert f'<html lang="{language}"' in answer.content.decode()
    assert browser.get("/admin/help/no-such-page/").status_code == 404


@pytest.mark.parametrize(
    ("screen", "page"),
    [
        ("index", "overview"),
        ("mailing_client_changelist", "clients"),
        ("mailing_client_import", "import"),
        ("mailing_client_import_check", "import"),
        ("mailing_attempt_report", "report"),
        ("mailing_delivery_changelist", "attempts"),
        ("mailing_suppression_file", "stop-list"),
        ("mailing_mailing_send", "mailings"),
    ],
)
def test_the_mark_in_the_top_bar_leads_to_the_page_of_the_screen(screen: str, page: str) -> None:
    assert pages.for_screen(screen) == f"/admin/help/{page}/"


def test_a_screen_without_a_page_leads_to_the_contents(admin_client: Browser) -> None:
    assert 'class="help-link" href="/admin/help/"' in admin_client.get("/admin/auth/user/").content.decode()
    assert 'class="help-link" href="/admin/help/overview/"' in admin_client.get("/admin/").content.decode()


def test_whoever_reads_in_a_third_language_reads_english() -> None:
    with override("de"):
        assert pages.page("clients").title == "Clients"


def test_a_picture_is_shown_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PICTURES", tmp_path)
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "shot.webp").touch()
    shown = pages._picture("shot", "<what>", "en")
    assert 'src="/static/guide/en/shot.webp" alt="&lt;what&gt;" width="1280"' in shown
    assert pages._picture("other", "what", "en") == ""


def test_all_pictures_together_are_small_and_each_is_shown_somewhere() -> None:
    files = list(pages.PICTURES.rglob("*.webp"))
    assert sum(file.stat().st_size for file in files) < LARGEST
    for file in files:
        texts = " ".join(source(name, file.parent.name) for name in pages.PAGES)
        assert f"]({file.stem})" in texts


def test_an_anchor_is_what_readers_of_the_files_get_as_well() -> None:
    assert markup.anchor("Больше не писать — или забыть") == "больше-не-писать--или-забыть"
