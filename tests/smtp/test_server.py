"""The misbehaving server keeps its own promises: else the tests over it would prove nothing."""

from __future__ import annotations

import signal
import smtplib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.smtp.script import Chaos, Fault, Faults, parse
from tests.smtp.server import accepted, running

LETTER = b"Message-ID: <1@example.org>\r\n\r\nHello\r\n.dot\r\n"


def test_an_honest_server_accepts_and_remembers() -> None:
    with running() as server, smtplib.SMTP("127.0.0.1", server.port, timeout=5) as client:
        client.sendmail("a@example.org", ["b@example.com"], LETTER)

        assert server.recipients == {"b@example.com": 1}
        assert server.accepted[0]["message_id"] == "<1@example.org>"
        assert server.bodies == [LETTER]


def test_a_letter_is_in_the_log_before_its_answer_leaves() -> None:
    fault = Fault("dot", "drop")
    with running(fault) as server, smtplib.SMTP("127.0.0.1", server.port, timeout=5) as client:
        with pytest.raises(smtplib.SMTPServerDisconnected):
            client.sendmail("a@example.org", ["b@example.com"], LETTER)

        assert server.recipients == {"b@example.com": 1}


def test_a_refused_letter_is_not_in_the_log() -> None:
    fault = Fault("dot", "550 5.7.1 no")
    with running(fault) as server, smtplib.SMTP("127.0.0.1", server.port, timeout=5) as client:
        with pytest.raises(smtplib.SMTPDataError):
            client.sendmail("a@example.org", ["b@example.com"], LETTER)

        assert server.accepted == []


def test_as_a_process_its_log_survives_a_kill(tmp_path: Path) -> None:
    log = tmp_path / "accepted.jsonl"
    command = [sys.executable, "-m", "tests.smtp", "--log", str(log), "--fault", "rcpt/550 5.1.1 nobody/c@"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        with smtplib.SMTP("127.0.0.1", port, timeout=5) as client:
            client.sendmail("a@example.org", ["b@example.com"], LETTER)
            with pytest.raises(smtplib.SMTPRecipientsRefused):
                client.sendmail("a@example.org", ["c@example.com"], LETTER)
        server.send_signal(signal.SIGKILL)

    assert [letter["to"] for letter in accepted(log)] == [["b@example.com"]]


def test_a_fault_happens_to_whom_when_and_as_often_as_it_says() -> None:
    script = Faults([Fault("rcpt", "drop", to="b@", skip=1, times=2)])
    happened = [script.fault("rcpt", to) is not None for to in ("a@x", "b@x", "b@x", "a@x", "b@x", "b@x")]

    assert happened == [False, False, True, False, True, False]


def test_a_fault_can_be_told_on_the_command_line() -> None:
    assert parse("dot/drop") == Fault("dot", "drop")
    assert parse("rcpt/451 later/bob@/0/3") == Fault("rcpt", "451 later", to="bob@", times=0, skip=3)


def test_the_same_seed_makes_the_same_chaos() -> None:
    first, second = Chaos(7, 0.5), Chaos(7, 0.5)

    assert [first.fault("dot", "a") for _ in range(20)] == [second.fault("dot", "a") for _ in range(20)]
