"""The letters of one connection, by BDAT (RFC 3030): several are on their way at once. Decision 25 has the reasons.

RSET, MAIL, RCPT, `BDAT n LAST` and the letter leave in one write, and the next letters follow without waiting.
Answers come in the order in which letters left, so only the first of those on their way is ever half answered. A line
feels its way: of its first letter, and of the first after a rest, the chunk leaves only when the recipient was
granted; the others follow when a chunk was accepted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from math import inf

from mailing.delivery.smtp import commands
from mailing.delivery.smtp.capabilities import Capabilities
from mailing.delivery.smtp.dialogue import (
    LONGEST,
    NOBODYS_FAULT,
    PIECE,
    SENT,
    Clock,
    Dialogue,
    Transaction,
    Write,
    acceptance,
)
from mailing.delivery.smtp.dialogue import MAIL as AT_MAIL
from mailing.delivery.smtp.experience import Experience
from mailing.delivery.smtp.options import Options
from mailing.delivery.smtp.outcomes import judge
from mailing.delivery.smtp.reply_parser import Answer
from mailing.delivery.transport import End, Ending, Letter
from mailing.replies import Outcome, Phase, Trouble, accepted, classify

RSET, MAIL, RCPT, CHUNK = range(4)  # what the next answer is to
PHASES = (Phase.MAIL, Phase.MAIL, Phase.RCPT, Phase.DOT)
BEFORE_THE_END = (Phase.MAIL, Phase.MAIL, Phase.RCPT, Phase.DATA)  # while the last byte has not left
ON_THE_WAY = 1_048_576  # bytes of letters without an answer
RESTED = 1.0  # seconds; who was silent for so long may have been left
DRAIN = 2.0  # seconds in which the letters on their way should be answered: a pause and our leaving wait for them
GOODBYE = 5.0  # seconds for the end of the line after 421
NO_CHUNKS = frozenset({500, 501, 502, 503, 504})  # to BDAT, although the recipient was granted


class Parcel(Transaction):
    """`said`: its BDAT. `whole`: its last byte was handed to the network. `disordered`: its RSET was refused."""

    __slots__ = ("disordered", "said", "whole")

    def __init__(self, letter: Letter, began: float) -> None:
        super().__init__(letter, began)
        self.said = self.whole = self.disordered = False


class Chunked(Dialogue):
    """See `Dialogue`. `cut` must keep every byte that the network has not taken yet from leaving, at once."""

    def __init__(
        self,
        options: Options,
        capabilities: Capabilities,
        write: Write,
        clock: Clock,
        *,
        cut: Callable[[], object],
        experience: Experience,
    ) -> None:
        super().__init__(options, capabilities, write, clock)
        self._cut, self._experience = cut, experience
        experience.is_on_trial = not experience.works
        self._open: deque[Parcel] = deque()  # in the order in which they left
        self._stage = RSET  # of the first of them
        self._first_since = 0.0  # it is the first
        self._bytes = self._largest = 0  # of the letters on their way; of one
        self._sending: memoryview | None = None  # what is left of the last of them
        self._in_buffer: Parcel | None = None  # its last byte was written, and the network has not taken it yet
        self._at_once = options.pipeline
        self._decided = 0  # in this turn
        self._works = False  # a chunk was accepted on this line
        self._feeling = True  # the next letter's chunk waits for the grant
        self._idle_since = self._opened
        self._close: Ending | None = None  # no further letter: how the line ends when those on their way are decided
        self._left = False  # the last thing that the server said was that it leaves
        self._unfit = False  # it fails at what it offers
        self._consents: list[Answer | None] = [None, None, None]  # to RSET, MAIL, RCPT, as this server words them
        self._usual = b"\0"  # the three as bytes; so far no answer begins like this
        self._timed: tuple[Parcel | None, int, int] | None = None  # what `deadline` was set for

    @property
    def patience(self) -> float:
        """A letter's budget begins when it is the first: those before it do not eat it up."""
        return self.deadline

    # --- called from outside ------------------------------------------------------------------------

    def resume(self) -> None:
        if not self.hungry or self.over:
            return
        if not self._open:
            self._was_idle = True
            self._feeling = self._feeling or self._clock() - self._idle_since >= RESTED
        self._advance()

    def receive(self, data: bytes) -> None:
        if self.over:
            return
        self._decided = 0
        rest = data if self._parser.unfinished else self._receive_usual(data)
        for answer in self._parser.feed(rest) if rest else ():
            if self._awaits_an_answer():
                self._answered(self._open[0], answer)
            else:
                self._unasked(answer)
            if self.ending is not None:
                return
        if self._parser.broken is not None or (self._parser.unfinished and not self._awaits_an_answer()):
            self.fail(Trouble.GARBAGE, self._parser.broken or b"")
            return
        if self._decided:
            self._keep_pace()
        self._advance()

    def pause(self, paused: bool) -> None:
        self._paused = paused
        if not paused and not self.over:
            self._in_buffer = None
            self._send_pieces()
            self._advance()

    def fail(self, trouble: Trouble, said: bytes = b"") -> None:
        if self.over:
            return
        self.orderly = False
        if self._left and trouble is not Trouble.GARBAGE and self._close is not None:
            self._end(self._close)
        elif not self._open:
            outcome = classify(AT_MAIL, trouble, said=said, secrets=self._secrets)
            self._end(Ending(End.RECYCLED) if self._proven() else Ending(End.TROUBLE, outcome))
        elif self._has_left(self._open[0]):
            self._doubt(trouble, said)
        else:
            self._break(trouble, said)

    def abandon(self) -> None:
        if self.over:
            return
        if self._open and self._has_left(self._open[0]) and not self._left:
            self.orderly = False
            self._end(self._in_doubt(Trouble.LOST, b""))
        else:
            self._end(self._close or Ending(End.RECYCLED))

    # --- what answers mean --------------------------------------------------------------------------

    def _awaits_an_answer(self) -> bool:
        return bool(self._open) and (self._stage != CHUNK or self._open[0].said)

    def _receive_usual(self, data: bytes) -> bytes:
        """Letters accepted in the words heard before, by one comparison each; returns what is left of `data`."""
        usual, at = self._usual, 0
        while self._stage == RSET and self._open and data.startswith(usual, at):
            begin = at + len(usual)
            end = data.find(b"\r\n", begin, begin + LONGEST)
            text = acceptance(data[begin:end]) if end >= 0 else None
            if text is None or not self._has_left(self._open[0]):
                break
            self._decide(accepted(text, self._secrets))
            self._was_idle = False
            at = end + 2
        return data[at:] if at else data

    def _answered(self, head: Parcel, answer: Answer) -> None:
        stage = self._stage
        self._left = False  # it goes on all the same
        if stage == CHUNK:
            self._chunk_answered(head, answer)
            return
        if self._is_misplaced(stage, answer):
            self.fail(Trouble.GARBAGE, b"%d %b" % answer)
        elif answer.code == 250 or (stage != RSET and 250 < answer.code <= 259):
            self._consent(stage, head, answer)
        else:
            self._refuse(stage, head, answer)
        if self.over:
            return
        self._stage = stage + 1
        if stage == RCPT and not head.said and head.refusal is not None:
            self._conclude(head)

    def _consent(self, stage: int, head: Parcel, answer: Answer) -> None:
        if answer is not self._consents[stage] and len(self._open) == 1:  # alone: nobody else's can be meant
            self._consents[stage] = answer
            known = [one for one in self._consents if one is not None and b"\n" not in one.text]
            self._usual = b"".join(b"%d %b\r\n" % one for one in known) if len(known) == CHUNK else b"\0"
        if stage == MAIL:  # no transaction was open, whatever was said to RSET
            head.refusal, head.disordered = None, False
            self._granted, self._was_idle = True, False
            self._feeling = self._feeling and not self._works
        elif stage == RCPT:
            head.disordered |= head.refusal is not None

    def _is_misplaced(self, stage: int, answer: Answer) -> bool:
        """An answer in the words for another command: one reply too many has come, and all behind it are shifted."""
        usual = self._consents[stage]
        return usual is not None and answer is not usual and answer != usual and answer in self._consents

    def _refuse(self, stage: int, head: Parcel, answer: Answer) -> None:
        """Whatever is no consent. After a refusal the answers that follow from it (503) change nothing."""
        outcome = judge(self._secrets, PHASES[stage], answer)
        if answer.code == 421:
            self._say_goodbye(stage, head, outcome)
        elif outcome.trouble is not None:
            self.fail(Trouble.GARBAGE, b"%d %b" % answer)
        elif stage == RSET:
            self._refuse_to_forget(head, outcome)
        elif head.refusal is None:
            head.refusal = outcome
            if outcome.verdict in NOBODYS_FAULT:
                self._close = self._close or Ending(End.TROUBLE, outcome)

    def _refuse_to_forget(self, head: Parcel, outcome: Outcome) -> None:
        """RSET, which must be granted, was refused: what the server remembers is unknown, so start afresh.

        Exim says "554 Too many nonmail commands" to the eleventh RSET behind refused recipients, and leaves.
        """
        head.disordered, head.refusal = True, outcome
        self._left = True
        if self._experience.works and self._letters > len(self._open):
            self._close = self._close or Ending(End.RECYCLED)
        else:
            self._blame()

    def _chunk_answered(self, head: Parcel, answer: Answer) -> None:
        if not self._has_left(head):
            self._broken_off(head, answer)
        elif answer.code < 300 and head.refusal is not None:  # its sender or recipient was refused: taken for whom?
            self._blame()
            self.fail(Trouble.GARBAGE, b"%d %b" % answer)
        elif answer.code == 421:
            self._say_goodbye(CHUNK, head, judge(self._secrets, Phase.DOT, answer))
            self._conclude(head)
        elif head.refusal is not None and answer.code >= 400:
            self._conclude(head)
        elif answer.code in NO_CHUNKS:
            head.refusal, head.disordered = judge(self._secrets, Phase.DOT, answer), True
            self._blame()
            self._conclude(head)
        else:
            outcome = judge(self._secrets, Phase.DOT, answer)
            if outcome.trouble is not None:
                self.fail(Trouble.GARBAGE, b"%d %b" % answer)
            else:
                self._decide(outcome)

    def _broken_off(self, head: Parcel, answer: Answer) -> None:
        """The server answers before the letter has left. It does not get the rest, so it cannot have accepted it."""
        self.orderly = False
        outcome = judge(self._secrets, Phase.DATA, answer)
        if outcome.trouble is None:
            outcome = head.refusal or outcome
        if outcome.verdict in NOBODYS_FAULT:
            self._end(Ending(End.TROUBLE, outcome))
        else:
            head.refusal, head.disordered = outcome, False
            self._end(Ending(End.LOST, outcome))

    def _say_goodbye(self, stage: int, head: Parcel, outcome: Outcome) -> None:
        """421: the server leaves. If it says nothing more until the line ends, it has taken nothing more."""
        self._left = True
        crossed = self._was_idle and stage <= MAIL and self._proven()  # "idle for too long" crossed our letter
        self._close = self._close or (Ending(End.RECYCLED) if crossed else Ending(End.TROUBLE, outcome))
        head.refusal = head.refusal or outcome

    def _unasked(self, answer: Answer) -> None:
        if self._open and answer.code == 421:
            self._end(Ending(End.TROUBLE, judge(self._secrets, Phase.RCPT, answer)))
        else:
            self.fail(Trouble.GARBAGE, b"%d %b" % answer)

    def _blame(self) -> None:
        """The server fails at what it offers: whoever comes next speaks DATA with it."""
        self._unfit = self._experience.fails = True
        self._close = self._close or Ending(End.RECYCLED)

    # --- what is said next --------------------------------------------------------------------------

    def _advance(self) -> None:
        if self._close is not None and not self._awaits_an_answer():
            self._end(self._close)
        elif self._close is None and not self._paused and self._sending is None:
            self._fill()
        self._set_deadline()

    def _fill(self) -> None:
        """As many letters as may be on their way, in one write."""
        now = self._clock()
        self.hungry = False
        group: list[bytes] = []
        if self._open and self._stage == CHUNK and not self._open[0].said:  # granted
            self._say_chunk(self._open[0], group)
        while self._has_room(now):
            letter = self._take()
            if letter is None:
                break
            self._say(letter, now, group)
        self._flush(group)
        if not self._open and not self.over:
            if self._finishing:
                self._end(Ending(End.EXHAUSTED))
            elif self._worn(now):
                self._end(Ending(End.RECYCLED))

    def _has_room(self, now: float) -> bool:
        """The next letter's size is not known yet: those of one mailing are as large as the largest so far."""
        if self._finishing or self._paused or self._sending is not None or self._worn(now):
            return False
        if not self._open:
            return True
        some = len(self._open) < self._at_once and self._works and self._open[-1].said
        return some and self._bytes + self._largest <= ON_THE_WAY

    def _say(self, letter: Letter, now: float, group: list[bytes]) -> None:
        one = Parcel(letter, now)
        if not self._open:
            self._first_since = now
        self._open.append(one)
        self._letters += 1
        size = len(letter.data)
        self._bytes += size
        self._largest = max(self._largest, size)
        group.append(commands.envelope(letter, self._capabilities))
        if not self._feeling:
            self._say_chunk(one, group)

    def _say_chunk(self, one: Parcel, group: list[bytes]) -> None:
        data = one.letter.data
        one.said = True
        group.append(b"BDAT %d LAST\r\n" % len(data))
        if len(data) > PIECE:
            self._flush(group)
            self._sending = memoryview(data)
            self._send_pieces()
            return
        group.append(data)
        one.whole = True
        if sum(map(len, group)) > PIECE:
            self._flush(group)

    def _flush(self, group: list[bytes]) -> None:
        if group:
            self._hand_over(b"".join(group))
            group.clear()

    def _send_pieces(self) -> None:
        """As much as the network takes; while some is left the letter cannot be accepted."""
        while self._sending is not None and not self._paused:
            rest = self._sending
            self._sending = rest[PIECE:] if len(rest) > PIECE else None
            self._open[-1].whole = self._sending is None
            self._hand_over(rest[:PIECE])

    def _hand_over(self, data: bytes | memoryview) -> None:
        """Where the network did not take all of it, it is sure of the last letter alone that it has not left."""
        self._write(data)
        if self._paused and self._open[-1].whole:
            self._in_buffer = self._open[-1]

    def _keep_pace(self) -> None:
        """A slow server gets fewer letters at once, so that they are answered within `DRAIN`."""
        now = self._clock()
        pace = (now - self._first_since) / self._decided
        most = self._options.pipeline
        self._at_once = most if pace * most <= DRAIN else max(1, int(DRAIN / pace))
        self._first_since = self._idle_since = now

    # --- what becomes of letters --------------------------------------------------------------------

    def _has_left(self, one: Parcel) -> bool:
        return one.whole and one is not self._in_buffer

    def _decide(self, outcome: Outcome) -> None:
        """Of the first letter, by the answer to its chunk."""
        if not self._works and outcome.verdict is SENT:
            self._works = self._experience.works = True
            self._feeling = False
            self._experience.tell()
        self._source.done(self._pop(), outcome)

    def _conclude(self, head: Parcel) -> None:
        """All answers to a refused letter have come."""
        refusal = head.refusal
        assert refusal is not None
        if head.disordered or refusal.verdict in NOBODYS_FAULT:
            self._source.give_back(self._pop())
        else:
            self._source.done(self._pop(), refusal)

    def _pop(self) -> Letter:
        letter = self._open.popleft().letter
        self._bytes -= len(letter.data)
        self._stage = RSET
        self._decided += 1
        return letter

    def _doubt(self, trouble: Trouble, said: bytes) -> None:
        """The line ends with letters on their way that may have been accepted."""
        if self._stage == CHUNK and not self._experience.works:
            self._blame()
        waiting = len(self._open)
        ending = self._in_doubt(trouble, said)
        if waiting - len(self._open) > 1:
            self._experience.lost += 1
        self._end(ending)

    def _in_doubt(self, trouble: Trouble, said: bytes) -> Ending:
        """Decides the letters that have left: unconfirmed, but for a refusal that the trouble leaves credible."""
        outcome = classify(Phase.DOT, trouble, said=said, secrets=self._secrets)
        ending = Ending(End.LOST, outcome)
        head = self._open[0]
        refusal = head.refusal
        if refusal is not None and not head.disordered and trouble is not Trouble.GARBAGE:
            self._conclude(head)
            ending = self._close or Ending(End.LOST, refusal)
        while self._open and self._has_left(self._open[0]):
            self._source.done(self._pop(), outcome)
            ending = Ending(End.LOST, outcome)
        return ending

    def _break(self, trouble: Trouble, said: bytes) -> None:
        """The line ends before the first letter has left: nothing can have been accepted."""
        head = self._open[0]
        outcome = classify(BEFORE_THE_END[self._stage], trouble, said=said, secrets=self._secrets)
        if self._was_idle and self._stage <= MAIL and trouble is Trouble.LOST and self._proven():
            self._end(Ending(End.RECYCLED))  # the server had left before our letter could reach it
            return
        if head.said and self._stage == CHUNK and not self._experience.works:
            self._blame()
        if head.refusal is not None and trouble is not Trouble.GARBAGE:
            outcome = head.refusal
        if outcome.verdict in NOBODYS_FAULT:
            self._end(self._close or Ending(End.TROUBLE, outcome))
        else:
            head.refusal, head.disordered = outcome, False
            self._end(Ending(End.LOST, outcome))

    def _end(self, ending: Ending) -> None:
        self.orderly = self.orderly and not self._open and self._sending is None
        self.ending = ending if not self._unfit else Ending(ending.end, ending.outcome, unfit=True)
        self.deadline = inf
        if not self._works:
            self._experience.tell()
        if self._in_buffer is not None:
            self._cut()
        for one in _from_the_last(self._open):
            if one.refusal is not None and not one.disordered and one.refusal.verdict not in NOBODYS_FAULT:
                self._source.done(one.letter, one.refusal)
            else:
                self._source.give_back(one.letter)
        self._open.clear()

    def _set_deadline(self) -> None:
        """Counted anew only when something else has become due: a trickle of bytes buys no time."""
        if self.ending is not None:
            return
        head = self._open[0] if self._open else None
        rest = len(self._sending) if self._sending is not None and len(self._open) == 1 else 0
        timed = (head, self._stage, rest)
        if timed == self._timed:
            return
        self._timed = timed
        if head is None:
            self.deadline = inf
            return
        options = self._options
        limit = options.dot_timeout if self._stage == CHUNK and head.whole else options.reply_timeout
        if self._left:
            limit = min(GOODBYE, limit)
        self.deadline = min(self._clock() + limit, self._first_since + options.letter_budget)


def _from_the_last(letters: deque[Parcel]) -> Iterable[Parcel]:
    """Each goes back to the front of the queue: in this order they stand there as before."""
    return reversed(tuple(letters))
