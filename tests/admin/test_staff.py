"""The screens of those who work here: users, groups under translated names, rights as boxes."""

from __future__ import annotations

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.test import Client as Browser
from django.utils import translation

from backoffice.staff import ABOUT
from tests.factories import UserFactory
from tests.forms import filled

pytestmark = pytest.mark.django_db

TRANSLATED = {"Manager": "Менеджер", "Editor": "Редактор", "Viewer": "Наблюдатель"}


@pytest.fixture
def russian(browser: Browser, settings: object) -> Browser:
    browser.cookies["django_language"] = "ru"
    return browser


def page(browser: Browser, url: str) -> str:
    return browser.get(url).content.decode()


@pytest.mark.parametrize(("stored", "shown"), TRANSLATED.items())
def test_a_group_is_stored_in_english_and_named_in_the_language_of_the_reader(stored: str, shown: str) -> None:
    group = Group.objects.get(name=stored)
    assert str(group) == stored
    with translation.override("ru"):
        assert (str(group), group.name) == (shown, stored)


def test_a_group_somebody_made_keeps_its_name_everywhere(russian: Browser) -> None:
    group = Group.objects.create(name="Отдел рекламы")
    assert "Отдел рекламы" in page(russian, "/admin/auth/group/")
    assert 'value="Отдел рекламы"' in page(russian, f"/admin/auth/group/{group.pk}/change/")


def test_the_list_of_groups_the_form_of_a_user_and_the_filter_show_translated_names(russian: Browser) -> None:
    user = UserFactory()
    user.groups.set(Group.objects.filter(name="Editor"))
    for url in ("/admin/auth/group/", f"/admin/auth/user/{user.pk}/change/", "/admin/auth/user/"):
        html = page(russian, url)
        assert all(shown in html for shown in TRANSLATED.values()), url
        assert not any(f">{stored}<" in html for stored in TRANSLATED), url


def test_the_form_of_our_group_is_headed_by_its_translated_name_and_cannot_rename_it(russian: Browser) -> None:
    group = Group.objects.get(name="Viewer")
    url = f"/admin/auth/group/{group.pk}/change/"
    html = page(russian, url)
    assert "<h1>Наблюдатель</h1>" in html
    assert 'name="name"' not in html
    saved = russian.post(url, filled(html, "group_form", name="Другое"), follow=True).content.decode()
    group.refresh_from_db()
    assert group.name == "Viewer"
    assert "Сохранено" in saved
    assert "Наблюдатель" in saved


def test_pages_and_journal_of_a_group_speak_of_it_by_its_translated_name(russian: Browser) -> None:
    group = Group.objects.get(name="Viewer")
    base = f"/admin/auth/group/{group.pk}"
    russian.post(f"{base}/change/", filled(page(russian, f"{base}/change/"), "group_form"))
    assert LogEntry.objects.get().object_repr == "Наблюдатель"
    for url in (f"{base}/history/", f"{base}/delete/"):
        html = page(russian, url)
        assert "Наблюдатель" in html
        assert "Viewer" not in html


def test_rights_are_boxes_under_the_name_of_what_they_are_about_and_are_kept(browser: Browser) -> None:
    group = Group.objects.get(name="Editor")
    before = set(group.permissions.values_list("codename", flat=True))
    url = f"/admin/auth/group/{group.pk}/change/"
    html = page(browser, url)
    ours = Permission.objects.filter(content_type__app_label__in=("mailing", "auth"))
    assert html.count('name="permissions"') == ours.filter(content_type__model__in=ABOUT).count()
    assert "<label>Client</label>" in html
    ticked = re.findall(r'name="permissions" value="(\d+)"[^>]* checked', html)
    browser.post(url, {"permissions": ticked})
    assert set(group.permissions.values_list("codename", flat=True)) == before


def test_the_list_of_groups_counts_people(browser: Browser) -> None:
    for _number in range(3):
        UserFactory().groups.set(Group.objects.filter(name="Manager"))
    rows = browser.get("/admin/auth/group/").context["cl"].result_list
    assert {group.name: group.number_of_people for group in rows}["Manager"] == 3


def test_a_user_without_a_log_in_shows_a_dash_and_a_superuser_is_called_administrator(browser: Browser) -> None:
    User.objects.create_user("fresh", is_staff=True)
    html = page(browser, "/admin/auth/user/")
    assert "administrator" in html
    assert '<td class="field-seen">—</td>' in html


def test_deleting_a_group_says_how_many_people_lose_it(browser: Browser) -> None:
    group = Group.objects.create(name="Advertising")
    for user in (UserFactory(), UserFactory()):
        user.groups.add(group)
    html = page(browser, f"/admin/auth/group/{group.pk}/delete/")
    assert "<dt>People who lose the group (they stay users)</dt><dd>2</dd>" in html
