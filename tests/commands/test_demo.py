from __future__ import annotations

import socket

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def demo_mode(settings: LazySettings) -> None:
    settings.DEBUG = True  # pytest-django turns it off


def test_a_taken_web_port_is_answered_with_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(CommandError, match=rf"Port {port} is taken.*make run PORT={port + 1}"):
            call_command("demo", "--port", str(port))


def test_a_taken_mail_port_is_answered_with_a_sentence(settings: LazySettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings.EMAIL_PORT = listener.getsockname()[1]
        with pytest.raises(CommandError, match=rf"EMAIL_PORT={settings.EMAIL_PORT + 1} make run"):
            call_command("demo", "--port", "0")


@pytest.mark.parametrize(("name", "value"), [("DEBUG", False), ("EMAIL_HOST", "smtp.example.com")])
def test_a_real_installation_is_not_started_as_a_demo(settings: LazySettings, name: str, value: object) -> None:
    setattr(settings, name, value)
    with pytest.raises(CommandError, match=r"docs/operations\.md"):
        call_command("demo")
