"""Processes that work on a run and kill themselves at a moment they are told: `python -m tests.chaos.victims`.

One line of JSON asks for one life: mailing, moment, which occurrence of it, and settings. The answer is how it ended:
-9 means killed. Each life is forked from a process that has everything imported already, so it costs no start.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

Patch = Callable[["Kill"], None]


@dataclass(frozen=True)
class Life:
    mailing: int
    moment: str
    occurrence: int  # of the moment: 1 is the first
    lines: int
    ahead: int
    seed: int

    def asked(self) -> str:
        return json.dumps(asdict(self)) + "\n"


class Kill:
    """Called at each occurrence of the moment; the right one is the last.

    None counts before an outcome has been written: a run at which two die without one is put aside.
    """

    def __init__(self, life: Life) -> None:
        self.life = life
        self.counts = False
        self._left = life.occurrence

    def __call__(self) -> None:
        self._left -= self.counts
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def soon(self) -> None:
        """By another thread, within the next two milliseconds."""
        self._left -= self.counts
        if self._left == 0:
            delay = random.Random(self.life.seed).random() * 0.002
            threading.Thread(target=_kill_after, args=[delay], daemon=True).start()


def _kill_after(seconds: float) -> None:
    time.sleep(seconds)
    os.kill(os.getpid(), signal.SIGKILL)


# --- The worst moments ------------------------------------------------------------------------------


def after_a_commit(kill: Kill) -> None:
    """Claims are in the database, and nobody has been told of them."""
    from mailing.delivery.engine.ledger import Ledger

    def then(claims: Any, ledger: Any) -> None:
        if claims:
            kill()

    _after(Ledger, "exchange", then)


def in_an_exchange(kill: Kill) -> None:
    """Somewhere between its first statement and its commit."""
    from mailing.delivery.engine.ledger import Ledger

    _before(Ledger, "exchange", lambda ledger: kill.soon())


def after_the_hand_over(kill: Kill) -> None:
    """The lines have new claims."""
    from mailing.delivery.engine.dispatcher import Dispatcher

    _after(Dispatcher, "arrived", lambda result, dispatcher: kill())


def after_claims_ran_low(kill: Kill) -> None:
    """Few claims were left, so this exchange took about as many as it may."""
    from mailing.delivery.engine.dispatcher import Dispatcher
    from mailing.delivery.engine.ledger import Ledger

    ran_low: list[bool] = []

    def look(wanted: int, dispatcher: Any) -> None:
        if wanted > 0 and dispatcher._claimed_ahead() <= dispatcher._low:
            ran_low.append(True)

    def then(claims: Any, ledger: Any) -> None:
        if claims and ran_low:
            ran_low.clear()
            kill()

    _after(Dispatcher, "wanted", look)
    _after(Ledger, "exchange", then)


def with_claims_on_their_way(kill: Kill) -> None:
    """The loop is slow: more claims are committed before it has seen the last ones."""
    from mailing.delivery.engine.dispatcher import Dispatcher
    from mailing.delivery.engine.ledger import Ledger

    honest = Dispatcher.arrived
    on_their_way: list[bool] = []

    def arrived(self: Dispatcher, claims: Any, *rest: Any) -> None:
        asyncio.get_running_loop().call_later(0.005, late, self, claims, *rest)

    def late(self: Dispatcher, claims: Any, *rest: Any) -> None:
        if claims:
            on_their_way.pop()
        honest(self, claims, *rest)

    def then(claims: Any, ledger: Any) -> None:
        if claims:
            on_their_way.append(True)
            if len(on_their_way) > 1:
                kill()

    Dispatcher.arrived = arrived  # type: ignore[method-assign]
    _after(Ledger, "exchange", then)


def with_letters_on_all_lines(kill: Kill) -> None:
    """Two on each, where claims may run ahead of them."""
    from mailing.delivery.engine.dispatcher import Dispatcher

    def then(letter: Any, dispatcher: Any) -> None:
        if len(dispatcher.on_a_line()) >= kill.life.lines * (2 if kill.life.ahead else 1):
            kill()

    _after(Dispatcher, "take", then)


def before_an_outcome_is_written(kill: Kill) -> None:
    """The server has accepted it, and the database does not know."""
    from mailing.delivery.engine.dispatcher import Dispatcher

    _before(Dispatcher, "done", lambda dispatcher: kill())


MOMENTS: dict[str, Patch] = {
    moment.__name__: moment
    for moment in (
        after_a_commit,
        in_an_exchange,
        after_the_hand_over,
        after_claims_ran_low,
        with_claims_on_their_way,
        with_letters_on_all_lines,
        before_an_outcome_is_written,
    )
}


def _before(owner: type, name: str, look: Callable[[Any], None]) -> None:
    honest = getattr(owner, name)

    def method(self: Any, *args: Any, **options: Any) -> Any:
        look(self)
        return honest(self, *args, **options)

    setattr(owner, name, method)


def _after(owner: type, name: str, look: Callable[[Any, Any], None]) -> None:
    honest = getattr(owner, name)

    def method(self: Any, *args: Any, **options: Any) -> Any:
        result = honest(self, *args, **options)
        look(result, self)
        return result

    setattr(owner, name, method)


# --- A life -----------------------------------------------------------------------------------------


def live(life: Life) -> None:
    from django.conf import settings
    from django.core.management import call_command

    from mailing.delivery.engine import writer
    from mailing.delivery.engine.ledger import Ledger

    settings.SMTP_CONNECTIONS, settings.SMTP_CLAIMS_AHEAD = life.lines, life.ahead
    writer.GROUP_WAIT = 0  # it would hide claims on their way
    kill = Kill(life)
    MOMENTS[life.moment](kill)
    _after(Ledger, "exchange", lambda claims, ledger: setattr(kill, "counts", ledger.counts["sent"] > 0))
    call_command("run_mailing", str(life.mailing), "--again", verbosity=0)


def main() -> None:
    import django

    django.setup()
    from mailing.services import runs  # noqa: F401  (imported once, for all lives)

    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            try:
                live(Life(**json.loads(line)))
            finally:
                os._exit(0)
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
