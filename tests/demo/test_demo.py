from __future__ import annotations

import os
import shutil
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from mailing.demo.management import packages
from tests.processes import PROJECT, environment, running, wait_for

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
    with pytest.raises(CommandError, match=r"docs/how-to/install\.md"):
        call_command("demo")


@pytest.mark.parametrize("command", ["demo", "mailbox"])
def test_without_its_packages_a_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    with pytest.raises(CommandError, match=r"aiosmtpd .*pip install --requirement mailing/demo/requirements\.txt"):
        call_command(command)


@pytest.mark.once
@pytest.mark.parametrize(("file", "debug"), [(None, "true"), ("DEBUG=false\n", "unset")])
def test_make_run_asks_for_the_demo_where_nothing_is_configured(tmp_path: Path, file: str | None, debug: str) -> None:
    """Where there is an .env, it decides: a real installation is not started as a demo."""
    shutil.copy(PROJECT / "Makefile", tmp_path)
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$* DEBUG=${DEBUG-unset}"\n')
    python.chmod(0o755)
    if file is not None:
        (tmp_path / ".env").write_text(file)
    done = subprocess.run(
        ["make", "--old-file", ".venv/.runtime", "run", f"BIN={tmp_path}"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"manage.py demo --port 8000 DEBUG={debug}\n"


@pytest.mark.once
@pytest.mark.cluster
def test_it_starts_the_web_server_the_worker_and_the_mail_server_and_ends_them(tmp_path: Path) -> None:
    web, mail = free_port(), free_port()
    own = environment(DATABASE_URL=f"sqlite:///{tmp_path}/demo.sqlite3", EMAIL_PORT=str(mail), DEMO="")
    log = tmp_path / "demo.log"
    with running("demo", "--port", str(web), log=log, env=own):
        wait_for(lambda: is_healthy(web), seconds=120, what="a page and a worker")
        wait_for(lambda: is_open(mail), what="the mail server")
        assert f"http://127.0.0.1:{web}/admin/" in log.read_text()
    assert not is_open(web)
    assert not is_open(mail)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def is_healthy(port: int) -> bool:
    """Whether /healthz knows of a worker."""
    with suppress(OSError), urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
        return bool(answer.status == 200)
    return False
