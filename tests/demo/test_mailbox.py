from __future__ import annotations

import re
import smtplib
import zlib
from collections.abc import Iterator
from mailbox import Maildir
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from mailing.demo import faults
from mailing.demo.faults import Fault
from mailing.demo.maildir import StoredLetters
from tests.processes import running, wait_for

pytestmark = pytest.mark.once  # letters lie in files, in no database

STRUCK = next(f"c{n}@a.example" for n in range(99) if zlib.crc32(f"c{n}@a.example".encode()) % 3 == 0)
SPARED = next(f"c{n}@a.example" for n in range(99) if zlib.crc32(f"c{n}@a.example".encode()) % 3 == 1)
LETTER = "Subject: =?utf-8?B?0KfQsNC5?=\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello\r\n.\r\n..dots\r\n"


@pytest.fixture
def mailbox(db: None, tmp_path: Path) -> Iterator[int]:
    """A real server process; yields its port."""
    log = tmp_path / "mailbox.log"
    with running("mailbox", "--port", "0", "--directory", str(tmp_path / "box"), log=log) as process:
        line = wait_for(lambda: re.search(r"127\.0\.0\.1:(\d+)", log.read_text()), what="the mailbox")
        yield int(line[1])
        assert process.poll() is None


def send(port: int, to: str) -> smtplib.SMTP:
    line = smtplib.SMTP("127.0.0.1", port, timeout=5)
    line.sendmail("a@b.example", [to], LETTER)
    return line


def test_keeps_every_letter_as_it_came(mailbox: int, tmp_path: Path) -> None:
    send(mailbox, SPARED).quit()
    kept = StoredLetters(tmp_path / "box")
    (row,) = kept.page(1, 10).letters
    assert (row.to, row.subject, row.seen) == (SPARED, "Чай", False)
    letter = kept.get(row.key)
    assert letter is not None
    assert (letter.to, letter.subject) == (SPARED, "Чай")
    assert letter.text.splitlines() == ["Hello", ".", "..dots"]


def test_stays_up_while_somebody_keeps_a_line_open(mailbox: int) -> None:
    idle = smtplib.SMTP("127.0.0.1", mailbox, timeout=5)
    send(mailbox, SPARED).quit()
    idle.quit()


@pytest.mark.parametrize(("fault", "code"), [(Fault.REFUSE, 550), (Fault.FULL, 452)])
def test_a_fault_strikes_a_third_and_spares_the_others(mailbox: int, tmp_path: Path, fault: Fault, code: int) -> None:
    faults.choose(tmp_path / "box", fault)
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        send(mailbox, STRUCK)
    assert refused.value.recipients[STRUCK][0] == code
    send(mailbox, SPARED).quit()


def test_greylisting_puts_each_address_off_once(mailbox: int, tmp_path: Path) -> None:
    faults.choose(tmp_path / "box", Fault.GREYLIST)
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send(mailbox, SPARED)
    send(mailbox, SPARED).quit()


def test_busy_sends_everybody_away(mailbox: int, tmp_path: Path) -> None:
    faults.choose(tmp_path / "box", Fault.BUSY)
    with pytest.raises(smtplib.SMTPSenderRefused) as refused:
        send(mailbox, SPARED)
    assert refused.value.smtp_code == 421


@pytest.mark.parametrize(("fault", "kept"), [(Fault.DROP, 0), (Fault.LOSE, 1)])
def test_the_line_is_cut_before_or_after_the_letter_is_kept(
    mailbox: int, tmp_path: Path, fault: Fault, kept: int
) -> None:
    faults.choose(tmp_path / "box", fault)
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        send(mailbox, STRUCK)
    send(mailbox, SPARED).quit()
    assert len(StoredLetters(tmp_path / "box")) == kept + 1


def test_hanging_answers_nobody_of_the_third(mailbox: int, tmp_path: Path) -> None:
    faults.choose(tmp_path / "box", Fault.HANG)
    with smtplib.SMTP("127.0.0.1", mailbox, timeout=0.5) as line:
        line.ehlo()
        line.mail("a@b.example")
        with pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
            line.rcpt(STRUCK)
        line.close()


def test_garbage_is_no_reply(mailbox: int, tmp_path: Path) -> None:
    faults.choose(tmp_path / "box", Fault.GARBAGE)
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(mailbox, STRUCK)
    assert refused.value.smtp_code == -1


def test_an_unknown_word_in_the_file_means_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "fault").write_text("nonsense")
    assert faults.current(tmp_path) is Fault.NONE


def test_a_port_in_use_is_answered_with_a_sentence(mailbox: int, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="EMAIL_PORT"):
        call_command("mailbox", "--port", str(mailbox), "--directory", str(tmp_path / "other"))


def test_pages_are_newest_first_and_clearing_removes_all(mailbox: int, tmp_path: Path) -> None:
    for number in range(3):
        send(mailbox, f"c{number}@b.example").quit()
    kept = StoredLetters(tmp_path / "box")
    assert [row.to for row in kept.page(1, 2).letters] == ["c2@b.example", "c1@b.example"]
    assert [row.to for row in kept.page(2, 2).letters] == ["c0@b.example"]
    for key in ("../../etc/passwd", "..", ".", "", "x\0y", "x" * 5000):
        assert kept.get(key) is None
    assert (kept.clear(), len(kept), kept.page(1, 2).number) == (3, 0, 0)


def test_a_mailbox_that_never_received_anything_is_empty(tmp_path: Path) -> None:
    assert StoredLetters(tmp_path / "nothing").page(1, 10).letters == ()


def test_a_name_in_two_encoded_words_stays_one_name(tmp_path: Path) -> None:
    words = "=?utf-8?b?0JTQvNC40YLRgNC40LXQstC4?=\n =?utf-8?b?0Yc=?=\n <d@a.example>"
    key = Maildir(tmp_path / "letters").add(f"To: {words}\nSubject: =?no-such?b?0Yc=?=\n\nHello\n".encode())
    letter = StoredLetters(tmp_path).get(key)
    assert letter is not None
    assert letter.recipient == "Дмитриевич <d@a.example>"
    assert letter.subject == "=?no-such?b?0Yc=?="
