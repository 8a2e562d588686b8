"""Blocking calls that cannot be interrupted (a resolver, a mail API), in threads nobody waits for.

The executor of asyncio would be joined when the loop or the process ends, for as long as the call hangs.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from mailing import current_attempt

T = TypeVar("T")


async def run_apart(call: Callable[[], T]) -> T:
    """What `call` returns or raises. Cancelling leaves it to itself."""
    loop = asyncio.get_running_loop()
    finished: asyncio.Future[T] = loop.create_future()

    def resolve(result: T) -> None:
        if not finished.done():
            finished.set_result(result)

    def reject(error: Exception) -> None:
        if not finished.done():
            finished.set_exception(error)

    def run() -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody wants to know any more
            try:
                result = call()
            except Exception as error:  # whatever it is, it is raised where the result is awaited
                loop.call_soon_threadsafe(reject, error)
            else:
                loop.call_soon_threadsafe(resolve, result)

    threading.Thread(target=current_attempt.carried(run), name="samovar-apart", daemon=True).start()
    return await finished
