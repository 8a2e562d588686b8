"""What the two dialogues about letters have in common: `session` speaks DATA, `chunked` BDAT.

Bytes from the server in, bytes for the server and outcomes out; no socket and no event loop.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from math import inf

from mailing.delivery.smtp import commands
from mailing.delivery.smtp.capabilities import Capabilities
from mailing.delivery.smtp.options import Options
from mailing.delivery.smtp.reply_parser import ReplyParser
from mailing.delivery.transport import Ending, Letter, Source
from mailing.replies import Outcome, Phase, Trouble, Verdict

PIECE = 65_536  # bytes of a long letter handed over at once
NEWLY_OPENED = 1.0  # seconds; a line that breaks so early, before its first MAIL was granted, is no idle line
# An Enum looks a member up ten times slower than a module its global (75 ns; Python 3.11), and a letter needs twenty.
MAIL, RCPT, DATA, DOT, SENT = Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.DOT, Verdict.SENT
NOBODYS_FAULT = frozenset({Verdict.SERVICE, Verdict.CONFIGURATION})

LONGEST = 512  # bytes of an answer taken the short way

Write = Callable[[bytes | memoryview], object]
Clock = Callable[[], float]


def acceptance(line: bytes) -> str | None:
    """The text of a plain "250 …", by the short way; None for what the parser has to look at."""
    if not line.startswith(b"250 ") or not line.isascii():
        return None
    text = line[4:].decode("ascii")
    return text if text.isprintable() else None


class Transaction:
    """One letter on its way. `refusal`: its outcome is known, but answers to commands already said are still due."""

    __slots__ = ("began", "letter", "refusal")

    def __init__(self, letter: Letter, began: float) -> None:
        self.letter = letter
        self.began = began
        self.refusal: Outcome | None = None


class Dialogue(ABC):
    """`ending` is set once, when every letter has been decided or given back and the line takes no more.

    `deadline` is the moment (of `clock`) by which the server must have said, or taken, what is due now.
    `hungry`: a letter could be sent but the source had none; call `resume` when it has, `finish` when it never will.
    """

    def __init__(self, options: Options, capabilities: Capabilities, write: Write, clock: Clock) -> None:
        self.ending: Ending | None = None
        self.hungry = False
        self.orderly = True  # nothing is on its way: a QUIT would be understood
        self.deadline = inf
        self._options, self._capabilities, self._write, self._clock = options, capabilities, write, clock
        self._secrets = options.secrets
        self._opened = clock()
        self._parser = ReplyParser()
        self._letters = 0
        self._finishing = self._paused = self._was_idle = self._granted = False

    @property
    def over(self) -> bool:
        return self.ending is not None

    @property
    @abstractmethod
    def patience(self) -> float:
        """The earliest moment at which the budget of a letter on its way ends."""

    # --- called from outside ------------------------------------------------------------------------

    def start(self, source: Source) -> None:
        self._source = source
        if not self.over:  # else it was lost before it was run
            self._advance()

    @abstractmethod
    def resume(self) -> None:
        """The source may have something."""

    def finish(self) -> None:
        """Take no more letters; those on their way go on."""
        self._finishing = True
        self.resume()

    @abstractmethod
    def receive(self, data: bytes) -> None: ...

    @abstractmethod
    def pause(self, paused: bool) -> None:
        """The network takes no more bytes for now, or takes them again."""

    @abstractmethod
    def fail(self, trouble: Trouble, said: bytes = b"") -> None:
        """The line is lost, out of time, or no longer understood."""

    @abstractmethod
    def abandon(self) -> None:
        """We leave: what may have been accepted is unconfirmed, everything else goes back."""

    # --- for both -----------------------------------------------------------------------------------

    @abstractmethod
    def _advance(self) -> None:
        """Says what can be said now."""

    def _take(self) -> Letter | None:
        """The next letter that can be said; the others are decided at once."""
        while letter := self._source.take(self._capabilities.eight_bit):
            flaw = commands.flaw(letter, self._capabilities)
            if flaw is None:
                return letter
            self._source.done(letter, flaw)
        self.hungry = True
        return None

    def _worn(self, now: float) -> bool:
        options = self._options
        return self._letters >= options.letters_per_connection or now - self._opened >= options.connection_age

    def _proven(self) -> bool:
        """Whether a line that ends while idle can be replaced at once, without fear of doing nothing else."""
        return self._granted or self._clock() - self._opened >= NEWLY_OPENED
