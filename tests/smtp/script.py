"""What the misbehaving server does, and when: a script is a list of faults."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

PHASES = (
    "connect",
    "ehlo",
    "helo",
    "starttls",
    "auth",
    "mail",
    "rcpt",
    "data",
    "body",
    "dot",
    "rset",
    "quit",
    "chunk",
)

KINDS = (
    "drop",  # closes the connection (FIN)
    "reset",  # tears it down (RST)
    "hang",  # says nothing any more
    "trickle",  # one byte of a reply without end per interval
    "garbage",  # bytes that are no reply
    "overlong",  # a line of 10 000 bytes
    "endless",  # a reply of lines without end
    "several",  # the right reply in three lines: legal
    "mixed",  # a reply whose lines disagree about the code
    "lf",  # the right reply, ended by a bare line feed
    "wrong",  # a code that cannot answer this command
    "delay",  # the right reply, late but in time
    "extra",  # the right reply and one nobody asked for
)  # beside these, any literal reply: "421 4.3.2 closing", "550 5.1.1 no such user"

BODY_KINDS = ("drop", "reset", "hang", "garbage", "421 4.3.2 going down", "451 4.3.0 no space left")


@dataclass
class Fault:
    """`kind` happens at `phase`: for recipients that contain `to`, after `skip` good ones, `times` times (0: always).

    At `body` (the server begins to read it) only an end of the line, garbage or a refusal makes sense. With `accept`
    a spoilt answer to the dot comes after the letter has been written into the accept log (the worst case).
    """

    phase: str
    kind: str
    to: str = ""
    skip: int = 0
    times: int = 1
    accept: bool = True
    seen: int = field(default=0, init=False)

    @property
    def is_reply(self) -> bool:
        return self.kind[:1].isdigit()

    @property
    def is_refusal(self) -> bool:
        return self.kind[:1] in {"4", "5"}

    def applies(self, phase: str, to: str) -> bool:
        if phase != self.phase or self.to not in to:
            return False
        self.seen += 1
        return self.skip < self.seen and (not self.times or self.seen <= self.skip + self.times)


class Script(Protocol):
    def fault(self, phase: str, to: str) -> Fault | None: ...


class Faults:
    """The first fault of the list that applies."""

    def __init__(self, faults: Sequence[Fault] = ()) -> None:
        self.faults = list(faults)

    def fault(self, phase: str, to: str) -> Fault | None:
        return next((fault for fault in self.faults if fault.applies(phase, to)), None)


class Chaos:
    """Anything anywhere, with probability `rate` at each step; the same seed does the same to the same dialogue."""

    kinds = (*KINDS, "421 4.3.2 going down", "451 4.7.1 come back later", "550 5.1.1 no such user")

    def __init__(self, seed: int, rate: float, phases: Sequence[str] = PHASES) -> None:
        self._random = random.Random(seed)
        self._rate = rate
        self._phases = phases

    def fault(self, phase: str, to: str) -> Fault | None:
        if phase not in self._phases or self._random.random() >= self._rate:
            return None
        kinds = BODY_KINDS if phase == "body" else self.kinds
        return Fault(phase, self._random.choice(kinds), accept=self._random.random() < 0.5)


def parse(text: str) -> Fault:
    """`phase/kind[/to[/times[/skip]]]`, as given on the command line."""
    phase, kind, *rest = text.split("/")
    to, times, skip = (*rest, *("", "1", "0")[len(rest) :])
    return Fault(phase, kind, to=to, times=int(times), skip=int(skip))
