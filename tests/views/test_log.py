"""What stands in the log: one line for each record, whatever a stranger typed; no secret, no address of a client."""

from __future__ import annotations

import io
import json
import logging
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.test import Client as Browser

from backoffice import log
from mailing import current_attempt, links
from tests.factories import MailingFactory
from tests.processes import PROJECT, environment, manage, wait_for

LINE = re.compile(r"\d{4}-\d\d-\d\d [\d:,]+ (WARNING|ERROR) [a-z.]+: ")
PASSWORD = "sunflower7291"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What the console of the installation gets."""
    console = next(
        handler for handler in logging.getLogger("django").handlers if isinstance(handler, logging.StreamHandler)
    )
    before = console.setStream(io.StringIO())
    yield console.stream
    console.setStream(before or sys.stderr)


@pytest.fixture(params=["text", "json"])
def written(request: pytest.FixtureRequest) -> Iterator[logging.Logger]:
    """A logger whose lines are in `lines(logger)`."""
    logger = logging.getLogger(f"mailing.tried.{request.param}")
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(log.formatter(request.param))
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)


def lines(logger: logging.Logger) -> list[str]:
    text: str = logger.handlers[0].stream.getvalue()  # type: ignore[attr-defined]
    return text.split("\n")[:-1]


HOSTILE = "x\n2026-01-01 00:00:00,000 ERROR mailing: forged\r\x1b[2J\x85\u2028\u202eabc\x00"


def test_no_words_end_a_line_or_turn_a_terminal(written: logging.Logger) -> None:
    written.warning("said: %s", HOSTILE)
    (line,) = lines(written)
    assert line.isprintable()
    assert "forged" in line


@pytest.mark.parametrize("style", ["text", "json"])
def test_half_a_character_can_be_written(style: str) -> None:
    """Not through a logger: pytest keeps what it hears, and cannot hand half a character to its other process."""
    record = logging.LogRecord("mailing.x", logging.WARNING, "", 0, "said: %s", (HOSTILE + "\ud800",), None)
    line = log.formatter(style).format(record)
    assert line.isprintable()
    line.encode()


def test_an_exception_forges_no_line_either(written: logging.Logger) -> None:
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        written.exception("It went wrong")
    first, *rest = lines(written)
    assert all(line.isprintable() for line in (first, *rest))
    assert all(line.startswith("    | ") for line in rest)
    assert rest or "Traceback" in json.loads(first)["exception"]


def test_passwords_are_blanked_also_in_tracebacks(written: logging.Logger, settings: LazySettings) -> None:
    settings.EMAIL_HOST_PASSWORD = PASSWORD
    try:
        raise ValueError(f"cannot open redis://:hidden4711@host/0 with {PASSWORD}")
    except ValueError:
        written.exception("postgres://me:hidden4711@host/name, %s", PASSWORD)
    text = "".join(lines(written))
    assert "hidden4711" not in text
    assert PASSWORD not in text
    assert "postgres://me:***@host/name" in text


def test_a_line_of_json_is_one_object(stream: io.StringIO) -> None:
    record = logging.LogRecord("mailing.x", logging.INFO, "", 0, "Привет, %s", ("мир",), None)
    found = json.loads(log.formatter("json").format(record))
    assert (found["level"], found["logger"], found["message"]) == ("INFO", "mailing.x", "Привет, мир")
    assert "attempt" not in found
    assert found["time"].endswith("+00:00")


def test_lines_of_a_run_bear_the_number_of_the_attempt(written: logging.Logger) -> None:
    @current_attempt.named
    def work(attempt_id: int) -> None:
        written.warning("inside")

    work(4711)
    written.warning("outside")
    inside, outside = lines(written)
    assert "[attempt 4711] inside" in inside or json.loads(inside)["attempt"] == 4711
    assert "attempt" not in outside


@pytest.mark.django_db(transaction=True)
def test_a_real_run_says_its_number_in_each_line(tmp_path: Path) -> None:
    """Nobody listens on the port of the mail server: the line comes from inside the engine."""
    mailing = MailingFactory.create(clients=1)
    answer = manage("run_mailing", str(mailing.pk), env=environment(LOG_FORMAT="json", EMAIL_PORT="1"))
    told = [json.loads(line) for line in answer.stderr.splitlines()]
    attempt = mailing.attempts.get()
    assert [line["message"] for line in told if line["message"].startswith("Mail server, connect: ")]
    assert {line["attempt"] for line in told} == {attempt.pk}


def test_another_thread_of_a_run_knows_its_number(written: logging.Logger) -> None:
    @current_attempt.named
    def work(attempt_id: int) -> None:
        thread = threading.Thread(target=current_attempt.carried(lambda: written.warning("apart")))
        thread.start()
        thread.join()

    work(4711)
    assert "4711" in lines(written)[0]


# --- Answers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["/nowhere%0a2026-01-01%2000:00:00%20ERROR%20forged/", "/no%1b%5b2J%e2%80%a8/"])
def test_an_address_forges_no_line(client: Browser, stream: io.StringIO, address: str) -> None:
    client.get(address)
    (line,) = stream.getvalue().splitlines()
    assert LINE.match(line)
    assert line.isprintable()


@pytest.mark.django_db
def test_a_wrong_link_to_unsubscribe_shows_neither_its_token_nor_the_address(
    client: Browser, stream: io.StringIO
) -> None:
    token = links.unsubscribe_url("anna@example.com").split("/u/")[1].strip("/")
    assert client.get(f"/u/x{token}/").status_code == 404
    assert client.get(f"/u/{token}/more/").status_code == 404
    assert client.get("/admin/anna@example.com/anna%40example.com/").status_code in {302, 404}
    client.get("/anna@example.com/")
    assert token[5:] not in stream.getvalue()
    assert "anna" not in stream.getvalue()
    assert stream.getvalue().count("/u/***") == 2


@pytest.mark.django_db
def test_what_is_forbidden_is_one_line_without_a_traceback(client: Browser, stream: io.StringIO) -> None:
    client.force_login(User.objects.create_user("nobody", is_staff=True), "django.contrib.auth.backends.ModelBackend")
    assert client.get("/admin/auth/user/").status_code == 403
    (line,) = stream.getvalue().splitlines()
    assert "Forbidden" in line
    assert "/admin/auth/user/" in line


# --- gunicorn ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_web_server_writes_the_same_lines_and_no_query(form: str, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = ["backoffice.wsgi", "--bind", f"127.0.0.1:{port}", "--access-logfile", "-", "--no-control-socket"]
    url = f"sqlite:///{tmp_path}/empty.sqlite3"
    said = tmp_path / "log"
    with said.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *arguments],
            cwd=PROJECT,
            env=environment(LOG_FORMAT=form, DATABASE_URL=url),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        for address in ("/u/token-of-anna/?q=anna", "/%0aforged%1b[2J", "/anna@example.com", "/healthz"):
            wait_for(lambda address=address: answers(port, address), what="the web server")
    finally:
        server.terminate()
        server.wait(30)
    lines = said.read_text().splitlines()
    if form == "json":
        lines = [json.loads(line)["message"] for line in lines]
    assert any('"GET /u/***/" 404 ' in line or '"GET /u/***/" 503 ' in line for line in lines), lines
    assert any("\\nforged\\x1b[2J" in line for line in lines), lines
    assert not [line for line in lines if "anna" in line or line.startswith("forged") or not line.isprintable()]


def answers(port: int, address: str) -> bool:
    """One request, as a stranger writes it: no library tidies the address."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as line:
            line.sendall(f"GET {address} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            return line.recv(100).startswith(b"HTTP/1.1 ")
    except OSError:
        return False
