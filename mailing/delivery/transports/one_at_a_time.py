"""A line that carries one letter at a time, for transports without a dialogue of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from mailing.delivery.transport import End, Ending, Letter, Source
from mailing.replies import Outcome, Phase, Trouble, Verdict, classify

NOBODYS_FAULT = frozenset({Verdict.SERVICE, Verdict.CONFIGURATION})

Carry = Callable[[Letter], Awaitable[Outcome]]


async def carry_all(source: Source, carry: Carry, is_finished: Callable[[], bool]) -> Ending:
    """`transport.Line.run` for such a transport."""
    while not is_finished():
        letter = source.take(True)
        if letter is None:
            if not await source.wait():
                return Ending(End.EXHAUSTED)
            continue
        ending = _tell(source, letter, await _carried(source, letter, carry))
        if ending is not None:
            return ending
    return Ending(End.EXHAUSTED)


async def _carried(source: Source, letter: Letter, carry: Carry) -> Outcome:
    try:
        return await carry(letter)
    except asyncio.CancelledError:  # it may have left
        source.done(letter, classify(Phase.DOT, Trouble.LOST))
        raise


def _tell(source: Source, letter: Letter, outcome: Outcome) -> Ending | None:
    """Tell the source, and whether the line is over."""
    if outcome.verdict in NOBODYS_FAULT:
        source.give_back(letter)
        return Ending(End.TROUBLE, outcome)
    source.done(letter, outcome)
    lost = outcome.trouble in {Trouble.LOST, Trouble.TIMEOUT, Trouble.GARBAGE}
    return Ending(End.LOST, outcome) if lost else None
