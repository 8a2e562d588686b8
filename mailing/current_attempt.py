"""Which attempt is being worked on here and now: for the log, whose lines bear its number."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_number: ContextVar[int | None] = ContextVar("attempt", default=None)


def number() -> int | None:
    return _number.get()


def named(work: Callable[Concatenate[int, P], T]) -> Callable[Concatenate[int, P], T]:
    """For a function whose first argument is the attempt's number: whatever is logged inside bears it."""

    @wraps(work)
    def inside(attempt_id: int, /, *args: P.args, **kwargs: P.kwargs) -> T:
        token = _number.set(attempt_id)
        try:
            return work(attempt_id, *args, **kwargs)
        finally:
            _number.reset(token)

    return inside


def carried(call: Callable[[], T]) -> Callable[[], T]:
    """The same call for another thread, which by itself would know of no attempt."""
    attempt = _number.get()

    def there() -> T:
        _number.set(attempt)
        return call()

    return there
