"""The whole product on real parts: processes, ports, files. Nothing is called that a person could not call."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.utils import getaddresses
from pathlib import Path

import pytest
from django.conf import LazySettings

from mailing.demo.maildir import StoredLetter, StoredLetters
from tests.processes import environment, running, wait_for

# As Excel in Russia saves it: cp1251, semicolons, CRLF. Rows 4 and 6 cannot be used.
FILE_OF_EXCEL = """Ф. И. О.;Эл. почта;Обращение;Телефон
Иванова Анна Петровна;ANNA@mail.example;Анна Петровна;79161234567
Щукин Борис;boris@mail.example;Борис;
Без адреса;борис на почте;;
Королёв Глеб;gleb@mail.example;;
Иванова Анна;anna@mail.example;Аня;
""".replace("\n", "\r\n").encode("cp1251")
NAMES = {"anna@mail.example": "Анна Петровна", "boris@mail.example": "Борис", "gleb@mail.example": "Королёв Глеб"}


@pytest.fixture
def file_of_excel(tmp_path: Path) -> Path:
    path = tmp_path / "клиенты.csv"
    path.write_bytes(FILE_OF_EXCEL)
    return path


@pytest.fixture
def kept(transactional_db: None, settings: LazySettings, tmp_path: Path) -> Iterator[StoredLetters]:
    """The demo mail server as a process; yields what it has taken."""
    settings.VAR_DIR, log = tmp_path, tmp_path / "mailbox.log"
    directory = tmp_path / "mailbox"
    with running("mailbox", "--port", "0", "--directory", str(directory), log=log):
        line = wait_for(lambda: re.search(r"127\.0\.0\.1:(\d+)", log.read_text()), what="the mailbox")
        settings.EMAIL_PORT = int(line[1])
        yield StoredLetters(directory)


@pytest.fixture
def qcluster(kept: StoredLetters, tmp_path: Path) -> Iterator[Path]:
    """The worker as a process, quick enough for a test; yields its log."""
    log = tmp_path / "qcluster.log"
    quick = environment(MAILING_TICK_SECONDS="1", MAILING_SLICE_SECONDS="5", Q_WORKERS="2")
    with running("qcluster", log=log, env=quick) as process:
        yield log
        assert process.poll() is None, log.read_text()[-2000:]


def taken(kept: StoredLetters) -> list[StoredLetter]:
    """The letters themselves, newest first."""
    return [letter for row in kept.page(1, 1000).letters if (letter := kept.get(row.key))]


def greeted(kept: StoredLetters) -> dict[str, str]:
    """Who got a letter, and how it addresses them; a second letter to anybody fails."""
    letters = taken(kept)
    assert len({letter.to for letter in letters}) == len(letters), "somebody got two letters"
    for letter in letters:
        assert [address for _name, address in getaddresses([letter.message["To"]])] == [letter.to]
    return {letter.to: letter.text.split("!")[0].removeprefix("Здравствуйте, ") for letter in letters}
