"""What happens in a child stays in the child."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import time
from collections.abc import Generator, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from mailing.confined import Exceeded, Interrupted, Limit, call, stream

HERE = "tests.pure.test_confined"
ENOUGH = {"seconds": 30, "megabytes": 400}


def echo(text: str) -> str:
    return text


def sleep() -> None:
    time.sleep(60)


def eat() -> int:
    return len(b"x" * (1024 * 1024 * 1024))


def crash() -> None:
    ctypes.string_at(0)


def end(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(60)


def fail() -> None:
    raise ValueError("no such letter")


def secrets() -> list[str]:
    return sorted(os.environ)


def test_the_result_comes_back() -> None:
    assert call(f"{HERE}:echo", text="Анна\x00 & \ud800", **ENOUGH) == "Анна\x00 & \ud800"


def test_what_takes_too_long_is_ended() -> None:
    with pytest.raises(Exceeded) as caught:
        call(f"{HERE}:sleep", seconds=1, megabytes=400)
    assert caught.value.limit is Limit.TIME


def test_what_takes_too_much_memory_is_ended() -> None:
    with pytest.raises(Exceeded) as caught:
        call(f"{HERE}:eat", **ENOUGH)
    assert caught.value.limit is Limit.MEMORY


@pytest.mark.parametrize("name", ["crash", "fail"])
def test_a_crash_ends_nobody_else(name: str) -> None:
    with pytest.raises(Exceeded) as caught:
        call(f"{HERE}:{name}", **ENOUGH)
    assert caught.value.limit is Limit.CRASH


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_child_that_is_stopped_with_its_parent_has_done_nothing_wrong(number: int) -> None:
    with pytest.raises(Interrupted):
        call(f"{HERE}:end", number=number, **ENOUGH)


def test_an_exception_leaves_its_last_words() -> None:
    with pytest.raises(Exceeded) as caught:
        call(f"{HERE}:fail", **ENOUGH)
    assert "no such letter" in caught.value.last_words


def test_the_child_knows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "only ours")
    assert "SECRET_KEY" not in call(f"{HERE}:secrets", **ENOUGH)


def parrot(data: bytes, times: int) -> Iterator[str]:
    for number in range(times):
        yield f"{number}: {data.decode()}"


def stall(data: bytes) -> Iterator[int]:
    yield 1
    time.sleep(60)


def burn(data: bytes) -> Iterator[int]:
    yield 1
    while True:
        pass


def swell(data: bytes) -> Iterator[int]:
    yield 1
    yield eat()


def collapse(data: bytes) -> Iterator[int]:
    yield 1
    crash()


def endless(data: bytes) -> Iterator[str]:
    while True:
        yield "x" * 1000


def whole(data: bytes) -> Iterator[str]:
    yield "x" * 20_000_000


def test_results_come_one_by_one() -> None:
    data = (b"An", b"na")
    assert list(stream(f"{HERE}:parrot", data, times=3, **ENOUGH)) == ["0: Anna", "1: Anna", "2: Anna"]


@pytest.mark.parametrize(
    ("name", "limit"),
    [("stall", Limit.TIME), ("burn", Limit.TIME), ("swell", Limit.MEMORY), ("collapse", Limit.CRASH)],
)
def test_what_came_before_the_end_is_not_lost(name: str, limit: Limit) -> None:
    found = stream(f"{HERE}:{name}", [], seconds=2, megabytes=400)
    assert next(found) == 1
    with pytest.raises(Exceeded) as caught:
        next(found)
    assert caught.value.limit is limit


def test_time_that_the_reader_takes_does_not_count() -> None:
    found = stream(f"{HERE}:endless", [], seconds=2, megabytes=400)
    next(found)
    time.sleep(3)
    assert len(list(islice(found, 1000))) == 1000


def test_nobody_is_left_when_the_reader_goes() -> None:
    found = stream(f"{HERE}:endless", [], **ENOUGH)
    next(found)
    child = ended_with(found)
    assert not Path(f"/proc/{child}").exists()


def ended_with(found: Iterator[Any]) -> int:
    """The process of the child, after the stream was dropped."""
    [child] = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()
    assert isinstance(found, Generator)
    found.close()
    return int(child)


def test_one_thing_that_is_too_large_is_not_taken() -> None:
    with pytest.raises(Exceeded) as caught:
        list(stream(f"{HERE}:whole", [], **ENOUGH))
    assert caught.value.limit is Limit.MEMORY


def test_a_child_that_dies_before_it_has_read_everything_is_no_broken_pipe() -> None:
    with pytest.raises(Exceeded) as caught:
        list(stream("tests.no_such_module:x", (b"x" * 65_536 for _ in range(100)), **ENOUGH))
    assert "no_such_module" in caught.value.last_words
