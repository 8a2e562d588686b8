"""The switches of an installation that guard its doors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import call_command

from mailing.models import Attempt, MailService
from tests.doors.world import World, build
from tests.processes import PROJECT

ASK = """
import django
django.setup()
from django.test import Client
answer = Client(headers={headers}).get("/admin/login/", SERVER_NAME="letters.example.com")
print(answer.status_code, answer.get("Location", ""), answer.get("Strict-Transport-Security", ""))
"""


def ask(*, trust: str, headers: dict[str, str]) -> str:
    """A request to a production installation at https://letters.example.com, in a process of its own."""
    environment = {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "backoffice.settings",
        "DEBUG": "false",
        "SECRET_KEY": "k3y-" + "".join(f"{n:02}" for n in range(40)),
        "ALLOWED_HOSTS": "letters.example.com",
        "SITE_URL": "https://letters.example.com",
        "DATABASE_URL": "sqlite:///:memory:",
        "TRUST_PROXY": trust,
    }
    # Without collected static files the page itself cannot be drawn; the redirect comes before that.
    command = [sys.executable, "-c", ASK.format(headers=headers)]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else f"drawn: {done.stderr.splitlines()[-1]}"


FORWARDED = {"X-Forwarded-Proto": "https"}


def test_plain_http_is_redirected_to_the_secure_address() -> None:
    assert ask(trust="false", headers={}).startswith("301 https://letters.example.com/admin/login/")


def test_a_forwarded_protocol_is_not_believed_unless_the_proxy_is_trusted() -> None:
    assert ask(trust="false", headers=FORWARDED).startswith("301 https://")
    assert not ask(trust="true", headers=FORWARDED).startswith("301")


@pytest.mark.parametrize("value", ["http", "gopher", ""])
def test_a_trusted_proxy_that_says_plain_http_is_redirected(value: str) -> None:
    assert ask(trust="true", headers={"X-Forwarded-Proto": value}).startswith("301 https://")


@pytest.fixture
def switched_off(db: None, settings: LazySettings, tmp_path: Path) -> World:
    settings.MAILING_SENDING_ENABLED, settings.VAR_DIR = False, tmp_path
    (tmp_path / "mailbox").mkdir()
    return build()


def test_while_sending_is_switched_off_send_now_is_answered_and_nothing_begins(switched_off: World) -> None:
    page = f"/admin/mailing/mailing/{switched_off.ids['active']}/send/"
    answer = switched_off.browser("M").post(page, {"seen": switched_off.ids["attempt"]}, follow=True)
    assert "MAILING_SENDING_ENABLED" in answer.content.decode()
    assert not Attempt.objects.running().exists()


def test_while_sending_is_switched_off_the_command_exits_with_2(
    switched_off: World, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        call_command("run_mailing", str(switched_off.ids["active"]), "--again")
    assert left.value.code == 2
    assert "MAILING_SENDING_ENABLED" in capsys.readouterr().err


def test_while_sending_is_switched_off_every_page_says_so(switched_off: World) -> None:
    for page in ("/admin/", "/admin/mailing/client/", "/admin/mailing/attempt/"):
        assert "Sending is switched off" in switched_off.browser("V").get(page).content.decode()


def test_a_copy_of_the_database_sends_nothing_until_a_superuser_confirms(
    switched_off: World, settings: LazySettings
) -> None:
    """Rule 13 of a run."""
    settings.MAILING_SENDING_ENABLED = True
    MailService.objects.update_or_create(pk=1, defaults={"site_url": "https://letters.example.com"})
    page = f"/admin/mailing/mailing/{switched_off.ids['active']}/send/"
    pressed = {"seen": switched_off.ids["attempt"]}
    switched_off.browser("M").post(page, pressed)
    assert not Attempt.objects.running().exists()

    switched_off.browser("S").post("/admin/confirm-site/")
    switched_off.browser("M").post(page, pressed)
    assert Attempt.objects.running().count() == 1
