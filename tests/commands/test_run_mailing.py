"""`run_mailing` as scripts see it: what it prints, what it does, and its exit code."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.utils import timezone

from mailing.choices import AttemptStatus, Periodicity
from mailing.delivery.transports.configured import DJANGO_SMTP
from mailing.models import Attempt, Mailing
from tests.chaos import books
from tests.factories import ClientFactory, MailingFactory, MessageFactory, SuppressionFactory
from tests.processes import PROJECT, environment, wait_for
from tests.smtp.script import Fault
from tests.smtp.server import Server, running

pytestmark = pytest.mark.django_db(transaction=True)

QUICK = {"MAILING_RETRY_DELAYS": "0.2,0.2", "SMTP_REPLY_TIMEOUT": "2"}


class Told(NamedTuple):
    code: int
    text: str


@pytest.fixture(autouse=True)
def _quick(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailing.delivery.engine.pool.RECONNECT_PAUSE", 0.01)
    settings.EMAIL_BACKEND = DJANGO_SMTP  # the test runner puts another one in its place
    settings.MAILING_RETRY_DELAYS = [0.2, 0.2]


@pytest.fixture
def server(settings: LazySettings) -> Iterator[Server]:
    with running() as server:
        settings.EMAIL_PORT = server.port
        yield server


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(capsys)


class Run:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, mailing: Mailing | int, *options: str) -> Told:
        number = mailing if isinstance(mailing, int) else mailing.pk
        with pytest.raises(SystemExit) as left:
            call_command("run_mailing", str(number), *options)
        said = self._capsys.readouterr()
        return Told(int(left.value.code or 0), said.out + said.err)


def the_attempt(mailing: Mailing) -> Attempt:
    attempt = mailing.attempts.get()
    books.balance(attempt)
    return attempt


def test_all_letters_accepted_is_0(server: Server, run: Run) -> None:
    mailing = MailingFactory.create(clients=5)
    told = run(mailing)
    assert told.code == 0
    assert "accepted 5, refused 0" in told.text
    assert the_attempt(mailing).status == AttemptStatus.SUCCEEDED
    assert len(server.accepted) == 5


def test_sent_a_moment_ago_is_2_and_names_the_attempt_unless_asked_again(server: Server, run: Run) -> None:
    """Rule 7 of the calendar."""
    mailing = MailingFactory.create(clients=2)
    run(mailing)
    told = run(mailing)
    assert told.code == 2
    assert str(the_attempt(mailing).pk) in told.text
    assert run(mailing, "--again").code == 0
    assert mailing.attempts.count() == 2
    assert len(server.accepted) == 4


def test_nothing_due_is_2_and_says_when_the_next_send_is(server: Server, run: Run) -> None:
    mailing = MailingFactory.create(clients=2, periodicity=Periodicity.DAILY)
    assert run(mailing).code == 0
    told = run(mailing, "--due-only", "--again")
    assert told.code == 2
    assert "next send" in told.text


def test_somebody_refused_is_0_and_told_in_the_words_of_the_server(server: Server, run: Run) -> None:
    """The run did its work. Rule 7 of a run."""
    mailing = MailingFactory.create(clients=3)
    server.script.faults.append(Fault("rcpt", "550 5.1.1 no such user"))  # type: ignore[attr-defined]
    told = run(mailing)
    assert told.code == 0
    assert "partly" in told.text
    assert "550 5.1.1 no such user" in told.text
    assert the_attempt(mailing).status == AttemptStatus.PARTLY


def test_nobody_accepted_is_1(server: Server, run: Run) -> None:
    """Rule 7 of a run."""
    mailing = MailingFactory.create(clients=2)
    server.script.faults.append(Fault("rcpt", "550 5.1.1 no such user", times=0))  # type: ignore[attr-defined]
    told = run(mailing)
    assert told.code == 1
    assert "accepted 0, refused 2" in told.text
    assert the_attempt(mailing).status == AttemptStatus.FAILED


def test_an_unknown_number_is_2(run: Run) -> None:
    assert run(4711).code == 2


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"is_paused": True}, "paused"),
        ({"start_at": timezone.now() + timedelta(days=1)}, "starts only"),
        ({"start_at": timezone.now() - timedelta(days=2), "end_at": timezone.now() - timedelta(days=1)}, "ended"),
        ({"clients": []}, "add recipients"),
    ],
)
def test_outside_its_window_paused_or_for_nobody_is_2(run: Run, values: dict[str, object], words: str) -> None:
    told = run(MailingFactory.create(**({"clients": 1} | values)))
    assert told.code == 2
    assert words in told.text


def test_sending_switched_off_is_2(run: Run, settings: LazySettings) -> None:
    settings.MAILING_SENDING_ENABLED = False
    told = run(MailingFactory.create(clients=1))
    assert told.code == 2
    assert "MAILING_SENDING_ENABLED" in told.text


@pytest.mark.parametrize("host", [{"EMAIL_HOST": "no-such-host.invalid"}, {"EMAIL_PORT": 1}])
def test_no_mail_server_is_75_and_nobody_is_marked(run: Run, settings: LazySettings, host: dict[str, object]) -> None:
    for name, value in host.items():
        setattr(settings, name, value)
    mailing = MailingFactory.create(clients=3)
    told = run(mailing)
    assert told.code == 75
    assert "does not answer" in told.text
    assert set(the_attempt(mailing).deliveries.values_list("status", "tries")) == {("queued", 0)}


def test_a_refused_sender_is_78_and_nobody_is_marked(server: Server, run: Run) -> None:
    mailing = MailingFactory.create(clients=3)
    server.script.faults.append(Fault("mail", "550 5.7.1 not you", times=0))  # type: ignore[attr-defined]
    assert run(mailing).code == 78
    assert set(the_attempt(mailing).deliveries.values_list("status", "tries")) == {("queued", 0)}


def test_a_message_that_is_too_big_is_78(server: Server, run: Run) -> None:
    server.size = 500
    assert run(MailingFactory.create(clients=2, message=MessageFactory.create(body="x " * 900))).code == 78


def test_deferred_letters_are_waited_for(server: Server, run: Run, settings: LazySettings) -> None:
    settings.MAILING_RETRY_DELAYS = [2.5]
    mailing = MailingFactory.create(clients=2)
    server.script.faults.append(Fault("rcpt", "451 4.7.1 greylisted"))  # type: ignore[attr-defined]
    assert run(mailing).code == 0
    assert sorted(the_attempt(mailing).deliveries.values_list("tries", flat=True)) == [1, 2]


def test_deferred_letters_are_left_to_the_cluster_when_asked(
    server: Server, run: Run, settings: LazySettings
) -> None:
    settings.MAILING_RETRY_DELAYS = [3600]
    mailing = MailingFactory.create(clients=2)
    server.script.faults.append(Fault("rcpt", "451 4.7.1 greylisted"))  # type: ignore[attr-defined]
    told = run(mailing, "--no-wait")
    assert told.code == 75
    assert "open 1" in told.text
    assert run(mailing, "--no-wait").code == 75  # taken up, not sent again
    assert mailing.attempts.count() == 1


def test_a_rehearsal_sends_nothing_and_says_who_would_be_skipped(server: Server, run: Run) -> None:
    gone, *_ = clients = ClientFactory.create_batch(3)
    SuppressionFactory.create(email=gone.email, reason="unsubscribed")
    mailing = MailingFactory.create(clients=clients)
    told = run(mailing, "--dry-run")
    assert told.code == 0
    assert "2 letters" in told.text
    assert f"{gone.email}: unsubscribed" in told.text
    assert server.accepted == []
    assert not mailing.attempts.exists()


def test_a_rehearsal_finds_a_wrong_password_and_a_broken_message(
    server: Server, run: Run, settings: LazySettings
) -> None:
    broken = MailingFactory.create(clients=1, message=MessageFactory.create(body="{{ nmae }}"))
    assert run(broken, "--dry-run").code == 78
    server.user = ("right", "secret")
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "right", "wrong-password"
    assert run(MailingFactory.create(clients=1), "--dry-run").code == 78


def test_no_progress_is_drawn_where_nobody_looks(server: Server, run: Run) -> None:
    assert "█" not in run(MailingFactory.create(clients=3)).text


# --- As a process of its own -------------------------------------------------------------------------


def spawn(mailing: Mailing, port: int, *options: str, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", "run_mailing", str(mailing.pk), *options],
        cwd=PROJECT,
        env=environment(EMAIL_PORT=str(port), **(QUICK | env)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_it_after_the_letters_in_flight(server: Server, number: int, code: int) -> None:
    server.delay = 0.05
    server.script.faults.append(Fault("dot", "delay", times=0))  # type: ignore[attr-defined]
    mailing = MailingFactory.create(clients=400)
    process = spawn(mailing, server.port)
    wait_for(lambda: mailing.attempts.filter(sent__gt=0).exists(), what="the first letter")
    begun = time.monotonic()
    process.send_signal(number)
    process.communicate(timeout=20)
    assert process.returncode == code
    assert time.monotonic() - begun < 10
    attempt = the_attempt(mailing)
    assert attempt.status == AttemptStatus.RUNNING
    assert attempt.lease_owner == ""
    assert attempt.sent == len(server.accepted) < 400
    assert attempt.unconfirmed == 0


def test_six_at_once_make_one_attempt_and_the_others_say_which(server: Server) -> None:
    """Rule 4 of the calendar."""
    mailing = MailingFactory.create(clients=200)
    processes = [spawn(mailing, server.port) for _ in range(6)]
    texts = [process.communicate(timeout=60)[0] for process in processes]
    attempt = the_attempt(mailing)
    assert sorted(process.returncode for process in processes) == [0, 2, 2, 2, 2, 2]
    assert all(re.search(rf"attempt {attempt.pk}\b", text, re.IGNORECASE) for text in texts)
    assert server.recipients == dict.fromkeys(attempt.deliveries.values_list("email", flat=True), 1)
    books.check(attempt, server.log.path)
