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


# --- who looks after accounts and is no administrator --------------------------------------------------


def helper(
    *groups: str, rights: tuple[str, ...] = ("view_user", "add_user", "change_user", "delete_user")
) -> Browser:
    user = UserFactory(username="helper")
    user.groups.set(Group.objects.filter(name__in=groups))
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    browser = Browser()
    browser.force_login(user)
    return browser


def test_a_helper_hands_on_the_groups_they_are_in_and_takes_no_other_away() -> None:
    browser, user = helper("Viewer"), UserFactory(username="new")
    user.groups.add(Group.objects.create(name="Guests"))
    url = f"/admin/auth/user/{user.pk}/change/"
    html = page(browser, url)
    assert "These stay as they are: Guests." in html
    offered = re.findall(r'name="groups" value="(\d+)"', html)
    assert [Group.objects.get(pk=pk).name for pk in offered] == ["Viewer"]

    browser.post(url, filled(html, "user_form", groups=offered))
    assert set(user.groups.values_list("name", flat=True)) == {"Viewer", "Guests"}
    assert "Guests" not in LogEntry.objects.get().get_change_message()

    browser.post(url, filled(page(browser, url), "user_form", groups=None))
    assert set(user.groups.values_list("name", flat=True)) == {"Guests"}

    manager = Group.objects.get(name="Manager")
    browser.post(url, filled(page(browser, url), "user_form", groups=[str(manager.pk)]))
    assert set(user.groups.values_list("name", flat=True)) == {"Guests"}


@pytest.mark.parametrize("is_active", [True, False])
def test_an_account_that_may_do_more_is_shown_and_left_alone(is_active: bool) -> None:
    manager = UserFactory(username="manager", is_active=is_active)
    manager.groups.add(Group.objects.get(name="Manager"))
    browser = helper("Editor")
    html = page(browser, f"/admin/auth/user/{manager.pk}/change/")
    assert "only an administrator changes it" in html
    assert "password/" not in html
    assert not re.findall(r'<(input|textarea|select)[^>]* name="(email|is_active|groups)"', html)
    for door in ("password", "delete", "change"):
        assert browser.post(f"/admin/auth/user/{manager.pk}/{door}/", {"post": "yes"}).status_code == 403


def test_a_helper_makes_an_account_and_lets_it_in() -> None:
    browser = helper("Viewer")
    words = {"password1": "long enough 1", "password2": "long enough 1"}
    browser.post("/admin/auth/user/add/", {"username": "new", "is_superuser": "on", "is_staff": "on"} | words)
    new = User.objects.get(username="new")
    assert (new.is_staff, new.is_superuser) == (False, False)
    url = f"/admin/auth/user/{new.pk}/change/"
    viewer = Group.objects.get(name="Viewer")
    saved = filled(page(browser, url), "user_form", is_staff="on", is_superuser="on", groups=[str(viewer.pk)])
    browser.post(url, saved | {"user_permissions": [Permission.objects.get(codename="send_mailing").pk]})
    new.refresh_from_db()
    assert (new.is_staff, new.is_superuser, new.user_permissions.count()) == (True, False, 0)
    assert new.has_perm("mailing.view_client")


def test_nobody_but_an_administrator_changes_what_they_may_do_themselves() -> None:
    browser = helper("Viewer", "Editor")
    me = User.objects.get(username="helper")
    browser.post(f"/admin/auth/user/{me.pk}/change/", {"username": "helper", "first_name": "Vera"})
    me.refresh_from_db()
    assert (me.first_name, me.is_active, me.is_staff, me.groups.count()) == ("Vera", True, True, 2)


def test_the_rights_of_a_group_are_shown_in_words_to_those_who_may_not_tick_them() -> None:
    browser = helper("Viewer", rights=("view_group", "change_group"))
    viewer = Group.objects.get(name="Viewer")
    html = page(browser, f"/admin/auth/group/{viewer.pk}/change/")
    assert "Only an administrator decides what a group may do." in html
    assert "Client: view" in html
    assert "checkbox" not in html


def test_a_group_is_not_given_a_name_that_brings_rights() -> None:
    guests, browser = Group.objects.create(name="Guests"), helper(rights=("view_group", "change_group"))
    Group.objects.filter(name="Editor").delete()
    html = browser.post(f"/admin/auth/group/{guests.pk}/change/", {"name": "Editor"}).content.decode()
    assert "one of Samovar&#x27;s own groups" in html
    guests.refresh_from_db()
    assert guests.name == "Guests"
