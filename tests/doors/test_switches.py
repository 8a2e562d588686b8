"""The switches of an installation that guard its doors."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

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
