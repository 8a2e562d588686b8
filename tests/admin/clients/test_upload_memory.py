"""Whatever is uploaded, the process that serves the page stays small: the worst files there are, with megabytes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client as Browser

from mailing.models import Client, ClientImport, Suppression
from mailing.tables import reading
from tests.admin.clients.test_import_wizard import IMPORT, choose, confirm
from tests.factories import ClientFactory
from tests.memory import WEB_PROCESS, grows_at_most
from tests.tables import files, hostile
from tests.uploading import upload

pytestmark = pytest.mark.django_db
STOP = "/admin/mailing/suppression/file/"
EMOJI = "".join(chr(0x1F300 + (step * step) % 701) for step in range(5100))
ROWS = reading.ROW_LIMIT
HANG = 400  # seconds, twenty times what was measured


@pytest.fixture(autouse=True)
def _warm(browser: Browser) -> None:
    """What a first request loads is not the file's fault."""
    confirm(browser, choose(browser, files.csv()))
    upload(browser, STOP, files.csv())
    Client.objects.all().delete()
    Suppression.objects.all().delete()


def table(row: Callable[[int], str], rows: int = ROWS, head: str = "email;full name;comment") -> bytes:
    return "\r\n".join([head, *map(row, range(rows))]).encode("utf-8")


def workbook(cell: Callable[[int], str], rows: int = ROWS) -> bytes:
    """A column of addresses; there is room for far more text in it than in a CSV of 20 MB."""

    def pieces() -> Any:
        yield f'<worksheet xmlns="{hostile.NAMESPACE}"><sheetData>{hostile.EMAIL}'.encode()
        for number in range(rows):
            yield f'<row><c t="inlineStr"><is><t>{cell(number)}</t></is></c></row>'.encode()
        yield b"</sheetData></worksheet>"

    return hostile.workbook({hostile.SHEET: pieces()})


def emoji(number: int) -> str:
    start = number % 5000
    return f"{number}{EMOJI[start : start + 70]}"


def longest(number: int) -> str:
    return f"{number:064}@{'.'.join(['x' * 45] * 4)}.ru"


WORST = {
    "nothing but semicolons": hostile.semicolons,
    "100 000 rows that are no addresses": lambda: table(lambda n: f"{n:05}" + "\u0448" * 40 + ";;"),
    "the longest addresses": lambda: workbook(longest),
    "the longest emoji": lambda: workbook(emoji),
    "long comments": lambda: table(lambda n: f"c{n}@example.ru;;" + "\u0448" * 9_900, 1000),
}


# In which way a file is bad, its reader meets; the database gets pieces of it, and the longest texts.
WORST_ON_BOTH = "the longest emoji"


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name == WORST_ON_BOTH else pytest.mark.once) for name in WORST]
)
def test_the_check_of_the_worst_files_costs_little_memory(browser: Browser, name: str) -> None:
    data = WORST[name]()
    assert len(data) <= reading.SIZE_LIMIT
    began = time.monotonic()
    with grows_at_most(WEB_PROCESS):
        checked = upload(browser, IMPORT, data)
    assert checked.status_code == 200
    assert time.monotonic() - began < HANG


def test_the_largest_honest_file_is_checked_and_loaded(browser: Browser) -> None:
    data = table(lambda n: f"client{n}@example.ru;\u0418\u0432\u0430\u043d\u043e\u0432 {n};" + "\u0448" * 82)
    assert 0.95 * reading.SIZE_LIMIT < len(data) <= reading.SIZE_LIMIT
    began = time.monotonic()
    with grows_at_most(WEB_PROCESS):
        checked = upload(browser, IMPORT, data)
        confirm(browser, checked)
    assert Client.objects.count() == ROWS
    assert time.monotonic() - began < HANG


def test_what_is_stored_already_does_not_count_either(browser: Browser) -> None:
    """A small file may ask about many clients with long comments."""
    number = 1500
    long = "\u0448" * Client.LONGEST_COMMENT
    Client.objects.bulk_create(
        (ClientFactory.build(email=f"c{n}@example.ru", comment=long) for n in range(number)), batch_size=50
    )
    data = table(lambda n: f"c{n}@example.ru;\u041d\u043e\u0432\u043e\u0435 {n};", number)
    with grows_at_most(WEB_PROCESS):
        checked = upload(browser, IMPORT, data)
    assert ClientImport.objects.latest("pk").counters["changed"] == number
    assert checked.status_code == 200


def test_a_list_to_stop_costs_little_memory(browser: Browser) -> None:
    data = workbook(longest, 10_000)
    with grows_at_most(WEB_PROCESS):
        answer = upload(browser, STOP, data)
    assert Suppression.objects.count() == 10_000
    assert answer.status_code == 200
