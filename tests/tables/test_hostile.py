"""Files made to hurt cost a child of ours a moment and are refused in words; whoever asked has not grown."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from mailing.tables import apart, reading
from mailing.tables.errors import Unreadable
from tests.memory import grows_at_most
from tests.tables import files, hostile

HANG = 120  # seconds: a guard, twenty times what was measured for the slowest


def read(data: bytes) -> list[str]:
    """The addresses in the file; nothing else of it is kept."""
    pieces = (data[start : start + 65_536] for start in range(0, len(data), 65_536))
    return [row.email for row in apart.read(pieces)]


FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "an entry that claims 100 bytes and holds a gigabyte": (hostile.liar, "damaged or protected"),
    "bzip2": (hostile.bzip2, "unpacks to more than 150 MB"),
    "bzip2 of an honest size": (lambda: hostile.bzip2(100), "damaged or protected"),
    "40 MB of empty strings": (lambda: hostile.strings(40), "more than 1000000 different texts"),
    "140 MB of empty strings": (lambda: hostile.strings(140), "more than 1000000 different texts"),
    "80 MB of formats": (lambda: hostile.formats(80), "more than 65490 cell formats"),
    "4 million cells in a row": (lambda: hostile.cells(4_000_000), "more than 3000000 cells"),
    "40 million elements inside each other": (lambda: hostile.deep(40_000_000), "too much memory"),
    "entities in entities": (hostile.entities, "damaged or protected"),
    "one long text named by 30 000 rows": (lambda: hostile.one_string_in_each_row(30_000, 30_000), "50 million"),
    "a text of 60 MB": (lambda: hostile.one_string_in_each_row(60_000_000, 2), "damaged or protected"),
    "filled columns up to ZZZ": (
        lambda: hostile.workbook({hostile.SHEET: hostile.sheet('<row r="1"><c r="ZZZ1"><v>1</v></c></row>')}),
        "more than 256 columns",
    ),
    "a CSV of 300 filled columns": (lambda: b";".join([b"email"] * 300), "more than 256 columns"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_is_refused_in_words_and_costs_the_reader_nothing(name: str) -> None:
    make, words = FILES[name]
    data = make()
    began = time.monotonic()
    with grows_at_most(24), pytest.raises(Unreadable) as caught:
        read(data)
    assert words in str(caught.value)
    assert time.monotonic() - began < HANG


@pytest.mark.parametrize(
    "make",
    [
        lambda: hostile.strings(4),
        hostile.semicolons,
        lambda: hostile.workbook({hostile.SHEET: hostile.sheet(before='<dimension ref="A1:XFD1048576"/>')}),
    ],
    ids=["4 MB of empty strings", "19 MB of semicolons", "a sheet that claims 17 billion cells"],
)
def test_what_is_only_odd_is_read(make: Callable[[], bytes]) -> None:
    data = make()
    began = time.monotonic()
    with grows_at_most(24):
        assert read(data) == ["a@example.ru"]
    assert time.monotonic() - began < HANG


def test_a_child_that_takes_too_long_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "SECONDS", 0.01)
    with pytest.raises(Unreadable, match=r"takes longer than 0\.01 seconds"):
        read(files.csv())


def test_a_child_that_takes_too_much_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "MEGABYTES", 80)
    with pytest.raises(Unreadable, match="too much memory"):
        read(hostile.semicolons())


def test_no_more_than_two_files_are_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "PATIENCE", 0.01)
    first, second = apart.read([files.csv()]), apart.read([files.csv()])
    with pytest.raises(Unreadable, match="in a minute"):
        read(files.csv())
    del first, second
    assert read(files.csv())


def test_an_honest_file_reads_the_same_here_and_there() -> None:
    for data in files.KINDS.values():
        here, there = reading.read(data), apart.read([data])
        assert list(there) == list(here)
        assert there.cut == here.cut
        assert (there.kind, there.encoding, there.delimiter) == (here.kind, here.encoding, here.delimiter)
        assert there.columns == here.columns
