"""What happens in a child stays in the child."""

from __future__ import annotations

import ctypes
import os
import time

import pytest

from mailing.confined import Exceeded, Limit, call

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


def test_an_exception_leaves_its_last_words() -> None:
    with pytest.raises(Exceeded) as caught:
        call(f"{HERE}:fail", **ENOUGH)
    assert "no such letter" in caught.value.last_words


def test_the_child_knows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "only ours")
    assert "SECRET_KEY" not in call(f"{HERE}:secrets", **ENOUGH)
