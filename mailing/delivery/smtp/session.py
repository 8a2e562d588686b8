"""The letters of one connection, by DATA.

With PIPELINING (RFC 2920) MAIL, RCPT and DATA leave in one write, and the next letter's three together with the end
of the letter before: one write and one read per letter. Without it, one command at a time. Replies are matched
strictly in order, and a letter's body leaves only when every byte the server sent has been accounted for: what is
unintelligible or unasked for ends the line.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from typing import Any

from mailing.delivery.smtp import commands
from mailing.delivery.smtp.capabilities import Capabilities
from mailing.delivery.smtp.dialogue import (
    DATA,
    DOT,
    LONGEST,
    MAIL,
    NOBODYS_FAULT,
    PIECE,
    RCPT,
    SENT,
    Clock,
    Dialogue,
    Transaction,
    Write,
    acceptance,
)
from mailing.delivery.smtp.options import Options
from mailing.delivery.smtp.outcomes import judge
from mailing.delivery.smtp.reply_parser import Answer
from mailing.delivery.transport import End, Ending
from mailing.replies import Outcome, Phase, Trouble, accepted, classify


class Session(Dialogue):
    """See `Dialogue`. The final dot of a long letter leaves with its last piece."""

    def __init__(self, options: Options, capabilities: Capabilities, write: Write, clock: Clock) -> None:
        super().__init__(options, capabilities, write, clock)
        # Answers still due, in order: to what, of which letter, and who takes the answer.
        self._due: deque[tuple[Phase, Transaction | None, Callable[[Any, Answer], None]]] = deque()
        # What to do once it is sure that the server said nothing beyond the answer to this phase.
        self._next: tuple[Phase, Transaction, Callable[[Transaction], None]] | None = None
        self._sending: tuple[Transaction, memoryview] | None = None  # a long letter and what is left of it
        self._open: list[Transaction] = []  # at most two
        self._timed: object = None  # what `deadline` was set for
        self._must_reset = False
        self._usual = b"\0"  # the grants of MAIL, RCPT and DATA as this server words them; so far nothing it can say

    @property
    def patience(self) -> float:
        return min((one.began for one in self._open), default=inf) + self._options.letter_budget

    # --- called from outside ------------------------------------------------------------------------

    def resume(self) -> None:
        if self.hungry and not self.over:
            self._was_idle = self._was_idle or not self._open
            self._advance()

    def receive(self, data: bytes) -> None:
        due = self._due
        usual = len(due) == 4 and due[0][0] is DOT and not self._parser.unfinished and self.ending is None
        if usual and self._receive_usual(data):
            return
        second = due[1][1] if usual else None
        self._receive_answers(data)
        if second is not None and due and due[0][0] is DOT and due[0][1] is second:
            self._learn(data)

    def _learn(self, data: bytes) -> None:
        """`data` was the answers to one letter's dot and to the next one's MAIL, RCPT and DATA; its body has left."""
        granted = data.partition(b"\r\n")[2]
        if granted.count(b"\r\n") == 3:  # one line each
            self._usual = granted

    def _receive_usual(self, data: bytes) -> bool:
        """Accepted, and the next letter granted in the words heard before: one comparison, not three answers."""
        end = data.find(b"\r\n", 0, LONGEST)
        text = acceptance(data[:end]) if end > 0 and data[end + 2 :] == self._usual else None
        first, second = self._due[0][1], self._due[1][1]
        if text is None or first is None or second is None:
            return False
        self._due.clear()
        self._was_idle = False
        self._decide(first, accepted(text, self._secrets))
        self._send_letter(second)
        self._set_deadline()
        return True

    def _receive_answers(self, data: bytes) -> None:
        for answer in self._parser.feed(data) if self.ending is None else ():
            if not self._due:
                self._unasked(answer)
            else:
                _, transaction, take = self._due.popleft()
                take(transaction, answer)
            if self.ending is not None:
                return
        if self._parser.broken is not None or (self._parser.unfinished and not self._due):
            self.fail(Trouble.GARBAGE, self._parser.broken or b"")
        elif self.ending is None:
            self._advance()

    def pause(self, paused: bool) -> None:
        self._paused = paused
        if not paused and self._sending is not None and not self.over:
            self._send_pieces()
            self._set_deadline()

    def fail(self, trouble: Trouble, said: bytes = b"") -> None:
        if self.over:
            return
        self.orderly = False
        phase, transaction = self._head()
        crossed = self._was_idle and phase is MAIL and trouble is Trouble.LOST
        if self._proven() and (transaction is None or crossed):
            self._end(End.RECYCLED)  # nobody's letter; or the server had left before our MAIL could reach it
            return
        outcome = classify(phase, trouble, said=said, secrets=self._secrets)
        if transaction is None:
            self._end(End.TROUBLE, outcome)
        elif transaction.refusal is not None and trouble is not Trouble.GARBAGE:
            self._break(transaction, transaction.refusal)
        else:
            self._break(transaction, outcome)

    def abandon(self) -> None:
        if not self.over and self._head()[0] is DOT:
            self.fail(Trouble.LOST)
        elif not self.over:
            self._end(End.RECYCLED)

    # --- what answers mean --------------------------------------------------------------------------

    def _mail_answered(self, transaction: Transaction, answer: Answer) -> None:
        if answer.code == 421 and self._was_idle and self._proven():
            self._end(End.RECYCLED)  # "idle for too long" crossed our MAIL
        elif 250 <= answer.code <= 259:
            self._granted = True
            if not self._capabilities.pipelining:
                self._next = (MAIL, transaction, self._say_rcpt)
        else:
            self._refuse(MAIL, transaction, answer)
        self._was_idle = False

    def _rcpt_answered(self, transaction: Transaction, answer: Answer) -> None:
        if not 250 <= answer.code <= 259 or transaction.refusal is not None:
            self._refuse(RCPT, transaction, answer)
        elif not self._capabilities.pipelining:
            self._next = (RCPT, transaction, self._say_data)

    def _data_answered(self, transaction: Transaction, answer: Answer) -> None:
        if answer.code != 354:
            self._refuse(DATA, transaction, answer)
        elif transaction.refusal is None:
            self._next = (DATA, transaction, self._send_letter)
        else:
            self._next = (DATA, transaction, self._send_lone_dot)

    def _refuse(self, phase: Phase, transaction: Transaction, answer: Answer) -> None:
        """Whatever is no consent. After a refusal the answers that follow from it (503, 554) change nothing."""
        outcome = judge(self._secrets, phase, answer)
        follows = transaction.refusal is not None and answer.code != 421
        if outcome.trouble is not None or (outcome.verdict in NOBODYS_FAULT and not follows):
            self._break(transaction, outcome)  # a trouble: this code cannot stand here; whose answer is it?
        else:
            transaction.refusal = transaction.refusal or outcome
            if not self._due:
                self._next = (phase, transaction, self._conclude)

    def _dot_answered(self, transaction: Transaction, answer: Answer) -> None:
        outcome = judge(self._secrets, DOT, answer)
        if outcome.verdict is not SENT and (outcome.verdict in NOBODYS_FAULT or outcome.trouble is not None):
            self._break(transaction, outcome)
        else:
            self._decide(transaction, outcome)

    def _rset_answered(self, _: Transaction | None, answer: Answer) -> None:
        if answer.code != 250:  # what the server still remembers is unknown: start afresh
            self._end(End.RECYCLED)

    def _lone_dot_answered(self, _: Transaction | None, answer: Answer) -> None:
        """The recipient's refusal stands, whatever the server says to a letter without one (RFC 2920 3.1)."""
        if answer.code in {354, 421}:
            self._end(End.RECYCLED)

    def _unasked(self, answer: Answer) -> None:
        phase, transaction = self._head()
        early = answer.code == 421 or (self._sending is not None and answer.code >= 400)
        if transaction is not None and early:  # the server breaks off; the dot has not left
            self._break(transaction, judge(self._secrets, phase, answer))
        else:
            self.fail(Trouble.GARBAGE, b"%d %b" % answer)

    # --- what is said next --------------------------------------------------------------------------

    def _advance(self) -> None:
        if self._next is not None:
            _, transaction, act = self._next
            self._next = None
            act(transaction)
        elif self._may_begin():
            self._begin()
        self._set_deadline()

    def _may_begin(self) -> bool:
        """Nothing is on its way, or only the answer to a final dot (RFC 2920 3.1: a body may begin a group)."""
        if self._sending is not None:
            return False
        return not self._due or (self._capabilities.pipelining and len(self._due) == 1 and self._due[0][0] is DOT)

    def _begin(self) -> None:
        group = self._group()
        if group:
            self._write(group)
        elif not self._due and not self.over:
            if self._finishing:
                self._end(End.EXHAUSTED)
            elif self._worn(self._clock()):
                self._end(End.RECYCLED)

    def _group(self) -> bytes:
        """The commands that begin the next letter, or nothing when there is none to begin."""
        self.hungry = False
        if self._must_reset and not self._capabilities.pipelining:
            return self._reset().encode("ascii")
        now = self._clock()
        letter = None if self._finishing or self._worn(now) else self._take()
        if letter is None:
            return b""
        transaction = Transaction(letter, now)
        self._open.append(transaction)
        self._letters += 1
        before = self._reset() if self._must_reset else ""
        self._due.append((MAIL, transaction, self._mail_answered))
        if not self._capabilities.pipelining:
            return commands.mail(letter, self._capabilities).encode("ascii")
        self._due.append((RCPT, transaction, self._rcpt_answered))
        self._due.append((DATA, transaction, self._data_answered))
        group = f"{before}{commands.mail(letter, self._capabilities)}{commands.rcpt(letter)}DATA\r\n"
        return group.encode("ascii")

    def _reset(self) -> str:
        self._must_reset = False
        self._due.append((MAIL, None, self._rset_answered))
        return "RSET\r\n"

    def _say_rcpt(self, transaction: Transaction) -> None:
        self._due.append((RCPT, transaction, self._rcpt_answered))
        self._write(commands.rcpt(transaction.letter).encode("ascii"))

    def _say_data(self, transaction: Transaction) -> None:
        self._due.append((DATA, transaction, self._data_answered))
        self._write(b"DATA\r\n")

    def _send_letter(self, transaction: Transaction) -> None:
        body = commands.body(transaction.letter)
        if len(body) <= PIECE:
            self._send_end(transaction, body)
        else:
            self._sending = (transaction, memoryview(body))
            self._send_pieces()

    def _send_pieces(self) -> None:
        """As much as the network takes; while some is left the dot has not left, and nothing can be accepted."""
        while self._sending is not None and not self._paused:
            transaction, rest = self._sending
            self._timed = None  # a piece was taken: the time for the next begins
            if len(rest) <= PIECE:
                self._sending = None
                self._send_end(transaction, rest)
            else:
                self._sending = (transaction, rest[PIECE:])
                self._write(rest[:PIECE])

    def _send_end(self, transaction: Transaction, end: bytes | memoryview) -> None:
        """The end of the letter with its dot and, with PIPELINING, the beginning of the next letter."""
        self._due.append((DOT, transaction, self._dot_answered))
        self._write(b"".join((end, b".\r\n", self._group() if self._capabilities.pipelining else b"")))

    def _send_lone_dot(self, transaction: Transaction) -> None:
        """DATA was granted although nobody is left to receive anything: end it empty (RFC 2920 3.1)."""
        assert transaction.refusal is not None
        self._due.append((DOT, None, self._lone_dot_answered))
        self._write(b".\r\n")
        self._decide(transaction, transaction.refusal)

    def _conclude(self, transaction: Transaction) -> None:
        """A refused letter is over; without RSET its sender and recipient would stay with the next one."""
        assert transaction.refusal is not None
        self._must_reset = True
        self._decide(transaction, transaction.refusal)
        self._begin()

    # --- what becomes of letters --------------------------------------------------------------------

    def _decide(self, transaction: Transaction, outcome: Outcome) -> None:
        self._open.remove(transaction)
        self._source.done(transaction.letter, outcome)

    def _break(self, transaction: Transaction, outcome: Outcome) -> None:
        """The line ends with this letter; one that was begun behind it goes back."""
        if outcome.trouble is not None:  # the two sides may no longer mean the same place in the dialogue
            self.orderly = False
        if outcome.verdict in NOBODYS_FAULT:
            self._end(End.TROUBLE, outcome)
        else:
            self._decide(transaction, outcome)
            self._end(End.LOST, outcome)

    def _end(self, end: End, outcome: Outcome | None = None) -> None:
        self.orderly = self.orderly and not self._open and not self._due and self._sending is None
        self.ending = Ending(end, outcome)
        self.deadline = inf
        self._due.clear()
        for transaction in self._open:
            self._source.give_back(transaction.letter)
        self._open.clear()

    def _head(self) -> tuple[Phase, Transaction | None]:
        """What the dialogue stands at."""
        if self._sending is not None:
            return DATA, self._sending[0]
        if self._next is not None:
            return self._next[:2]
        return self._due[0][:2] if self._due else (MAIL, None)

    def _set_deadline(self) -> None:
        """Counted anew only when something else has become due: a trickle of bytes buys no time."""
        due = self._due[0] if self._due else self._sending
        if due is self._timed or self.ending is not None:
            return
        self._timed = due
        if due is None:
            self.deadline = inf
            return
        phase, transaction = self._head()
        options = self._options
        limit = self._clock() + (options.dot_timeout if phase is DOT else options.reply_timeout)
        budget = inf if transaction is None else transaction.began + options.letter_budget
        self.deadline = limit if limit < budget else budget
