"""What stands around every page: navigation by rights, mode, warnings, errors, log-in."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone

from mailing.models import Heartbeat, MailService
from tests.factories import AttemptFactory

pytestmark = pytest.mark.django_db

NAVIGATION = re.compile(r'<span class="section-label">([^<]+)</span>')


def person(*groups: str, **fields: Any) -> Client:
    user = User.objects.create_user(f"user{User.objects.count()}", "a@example.com", "secret", is_staff=True, **fields)
    user.groups.set(Group.objects.filter(name__in=groups))
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def page(client: Client, url: str = "/admin/", **extra: Any) -> str:
    return client.get(url, **extra).content.decode()


def alive() -> None:
    Heartbeat.objects.create(host="box", pid=1, worker_seen=timezone.now())


def test_everybody_sees_the_sections_of_their_rights() -> None:
    ours = ["Overview", "Mailings", "Calendar", "Messages", "Clients", "Stop list", "Attempts"]
    assert NAVIGATION.findall(page(person("Viewer")))[:7] == ours
    assert NAVIGATION.findall(page(person()))[:1] == ["Overview"]
    assert "Mailings" not in NAVIGATION.findall(page(person()))
    assert "System" in NAVIGATION.findall(page(person(is_superuser=True)))
    assert "System" not in NAVIGATION.findall(page(person("Manager")))


def test_the_current_section_is_marked_once() -> None:
    html = page(person("Manager"), "/admin/mailing/client/")
    assert re.findall(r'href="([^"]+)" aria-current="page"', html) == ["/admin/mailing/client/"]
    html = page(person("Manager"), "/admin/mailing/mailing/calendar/")
    assert re.findall(r'href="([^"]+)" aria-current="page"', html) == ["/admin/mailing/mailing/calendar/"]


def test_the_badge_counts_what_is_being_sent() -> None:
    client = person("Manager")
    assert 'class="badge"' not in page(client)
    AttemptFactory()
    assert re.search(r'class="badge"[^>]*>1<', page(client))


def test_staff_without_rights_are_told_what_to_do() -> None:
    assert "You have no rights yet" in page(person())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"DEBUG": True, "EMAIL_HOST": "smtp.example.com"}, ">Test<"),
        ({"MAILING_SENDING_ENABLED": False}, "Sending is switched off"),
    ],
)
def test_an_installation_that_is_not_production_says_so(settings: dict[str, Any], words: str) -> None:
    with override_settings(**settings):
        assert words in page(person("Manager"))
    with override_settings(DEBUG=False, EMAIL_HOST="smtp.example.com"):
        assert 'class="mode' not in page(person("Manager"))


def test_without_a_heartbeat_every_page_warns_and_whoever_cannot_mend_it_is_told_whom_to_ask() -> None:
    html = page(person("Manager"), "/admin/mailing/client/")
    assert "The scheduler is not running" in html
    assert "Tell the administrator." in html
    assert "qcluster" in page(person(is_superuser=True), "/admin/mailing/client/")
    alive()
    assert 'class="banner' not in page(person("Manager"), "/admin/mailing/client/")
    Heartbeat.objects.update(seen=timezone.now() - timedelta(minutes=4))
    assert 'class="banner' in page(person("Manager"), "/admin/mailing/client/")


def test_a_copy_of_the_database_writes_again_only_when_a_superuser_confirms_by_post() -> None:
    alive()
    service = MailService.load()
    service.site_url = "https://letters.example.com"
    service.save()
    confirm = reverse("admin:confirm_site")
    manager, boss = person("Manager"), person(is_superuser=True)
    assert confirm not in page(manager)
    assert confirm in page(boss)
    assert boss.get(confirm).status_code == 405
    manager.post(confirm)
    assert "banner" in page(boss)
    boss.post(confirm)
    assert 'class="banner' not in page(boss)


def test_the_shell_asks_the_database_a_constant_number_of_questions(django_assert_max_num_queries: Any) -> None:
    client = person("Manager")
    page(client, "/admin/password_change/")
    for _attempt in range(3):
        AttemptFactory()
    with django_assert_max_num_queries(14):
        page(client, "/admin/password_change/")


def test_errors_have_the_shell_and_a_way_home() -> None:
    client = person("Viewer")
    for url, status in (("/admin/nowhere/", 404), ("/admin/auth/user/", 403), ("/elsewhere/", 404)):
        response = client.get(url)
        html = response.content.decode()
        assert response.status_code == status
        assert 'aria-label="Sections"' in html
        assert 'href="/admin/" class="btn' in html or 'class="btn btn-primary" href="/admin/"' in html


def test_a_stranger_gets_a_bare_error_page() -> None:
    html = page(Client(), "/elsewhere/")
    assert "There is no such page" in html
    assert 'aria-label="Sections"' not in html


def test_a_crash_shows_a_code_that_stands_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(*args: Any) -> None:
        raise RuntimeError("the disk is full")

    client = person("Manager")
    client.raise_request_exception = False
    monkeypatch.setattr("mailing.services.reports.overview.overview", crash)
    response = client.get("/admin/")
    code = re.search(r"<code>([0-9A-F]{4})</code>", response.content.decode())
    assert response.status_code == 500
    assert code
    assert any(code[1] in record.getMessage() and record.exc_info for record in caplog.records)


def test_a_crash_without_a_database_still_has_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*args: Any) -> None:
        raise RuntimeError("the database is gone")

    client = person("Manager")
    client.raise_request_exception = False
    monkeypatch.setattr("mailing.services.reports.overview.overview", crash)
    monkeypatch.setattr("mailing.services.operations.health.banners", crash)
    response = client.get("/admin/")
    assert response.status_code == 500
    assert "Something broke" in response.content.decode()


def test_five_wrong_passwords_lock_the_door_and_say_so_in_russian() -> None:
    client = Client(headers={"accept-language": "ru"})
    for _try in range(5):
        response = client.post("/admin/login/", {"username": "boss", "password": "wrong"})
    assert response.status_code in {403, 429}
    assert 'lang="ru"' in response.content.decode()


def test_every_page_forbids_inline_scripts_and_other_hosts() -> None:
    policy = person("Manager").get("/admin/")["Content-Security-Policy"]
    assert "unsafe" not in policy
    html = page(person("Manager"))
    assert " style=" not in html
    assert not re.search(r"<script(?![^>]*src=)", html)
    assert not re.search(r'(src|href)="(https?:)?//', html)
