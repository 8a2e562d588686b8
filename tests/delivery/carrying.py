"""A small pool for the tests of the lines: a queue of letters, and everything that was said about them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from functools import wraps
from typing import Any, ParamSpec

from mailing.delivery.smtp.options import Options
from mailing.delivery.transport import End, Ending, Letter, NotOpened, Transport
from mailing.delivery.transports import one_letter
from mailing.replies import Outcome, Verdict

QUICK: dict[str, Any] = {"connect_timeout": 2.0, "reply_timeout": 1.0, "dot_timeout": 1.0, "letter_budget": 3.0}


P = ParamSpec("P")


def in_a_loop(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """An asynchronous test in an event loop of its own."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def alone() -> None:
            await test(*args, **kwargs)

        asyncio.run(alone())

    return run


def options(port: int, **changes: Any) -> Options:
    return Options("127.0.0.1", port, **{**QUICK, **changes})


def letter(key: int, text: str = "Hello.\r\n", *, to: str = "") -> Letter:
    to = to or f"c{key}@example.com"
    head = f"To: {to}\r\nFrom: a@example.org\r\nSubject: Hi\r\nMessage-ID: <{key}@example.org>\r\n"
    return Letter(key, "a@example.org", to, f"{head}\r\n{text}".encode())


def letters(count: int) -> list[Letter]:
    return [letter(key) for key in range(count)]


def send_one(letter: Letter, transport: Transport) -> Outcome:
    """The way of a trial letter, for a test without an event loop."""
    return asyncio.run(one_letter.deliver(letter.data, letter.to, letter.sender, transport=transport))


class Queue:
    """A `Source`. Letters given back go to the end; each answer about a letter is counted."""

    def __init__(self, ready: Iterable[Letter], *, keep_open: bool = False) -> None:
        self.ready = deque(ready)
        self.keep_open = keep_open
        self.more = asyncio.Event()
        self.outcomes: dict[str, list[Outcome]] = {}
        self.given_back: list[str] = []
        self.out: set[int] = set()

    def add(self, *more: Letter) -> None:
        self.ready.extend(more)
        self.more.set()

    def take(self, eight_bit: bool) -> Letter | None:
        if not self.ready:
            return None
        taken = self.ready.popleft()
        self.out.add(taken.key)
        return taken

    async def wait(self) -> bool:
        if self.keep_open and not self.ready:
            self.more.clear()
            await self.more.wait()
        return bool(self.ready)

    def done(self, letter: Letter, outcome: Outcome) -> None:
        self.out.remove(letter.key)  # a KeyError: decided twice
        self.outcomes.setdefault(letter.to, []).append(outcome)

    def give_back(self, letter: Letter) -> None:
        self.out.remove(letter.key)
        self.given_back.append(letter.to)
        self.ready.append(letter)

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """The one verdict of each letter."""
        assert all(len(said) == 1 for said in self.outcomes.values())
        return {to: said[0].verdict for to, said in self.outcomes.items()}


async def deliver(transport: Transport, source: Queue, *, lines: int = 1, tries: int = 50) -> list[Ending]:
    """Open lines until nothing is left; how each of them ended. A line that cannot be opened ended in trouble."""
    endings: list[Ending] = []

    async def one_after_the_other() -> None:
        while source.ready and len(endings) < tries:
            try:
                line = await transport.open()
            except NotOpened as refusal:
                endings.append(Ending(End.TROUBLE, refusal.outcome))
                continue
            endings.append(await line.run(source))
            await line.close()

    await asyncio.gather(*(one_after_the_other() for _ in range(lines)))
    assert not source.out, "a letter was neither decided nor given back"
    return endings
