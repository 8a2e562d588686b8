"""Environment variables as typed values: what `settings.py` asks for, from the environment or from `.env`.

An empty variable counts as left out. Nonsense is refused with the variable, its value and what to give instead.
"""

from __future__ import annotations

import math
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

_env = environ.Env()  # type: ignore[no-untyped-call]
_env.read_env(str(Path(__file__).resolve().parent.parent / ".env"))


def refused(name: str, advice: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{name}={given(name)}: {advice}")


def given(name: str, default: str = "") -> str:
    """The text of a variable, without blanks around it."""
    return exactly(name).strip() or default


def exactly(name: str) -> str:
    """The text as it stands there: a password may begin with a blank."""
    return str(_env.str(name, default=""))


def words(name: str) -> list[str]:
    """Values separated by commas."""
    return [word for word in (part.strip() for part in given(name).split(",")) if word]


def networks(name: str) -> list[IPv4Network | IPv6Network]:
    """Addresses or networks separated by commas."""
    try:
        return [ip_network(word) for word in words(name)]
    except ValueError:
        raise refused(name, "give addresses or networks separated by commas: 127.0.0.1, 10.0.0.0/8.") from None


def flag(name: str, *, default: bool) -> bool:
    value = given(name, str(default)).lower()
    if value not in {"true", "yes", "on", "1", "false", "no", "off", "0"}:
        raise refused(name, "give true or false.")
    return value in {"true", "yes", "on", "1"}


def one_of(name: str, allowed: tuple[str, ...], default: str) -> str:
    value = given(name, default).lower()
    if value not in allowed:
        raise refused(name, f"give one of {', '.join(allowed)}.")
    return value


def positive_list(name: str, default: str) -> list[float]:
    """Durations greater than zero, separated by commas."""
    try:
        values = [float(part) for part in given(name, default).split(",")]
    except ValueError:
        values = []
    if not values or not all(math.isfinite(value) and value > 0 for value in values):
        raise refused(name, "give one or more numbers greater than zero, separated by commas.")
    return values


def positive(name: str, default: float) -> float:
    """A duration that must be greater than zero."""
    values = positive_list(name, str(default))
    if len(values) != 1:
        raise refused(name, "give one number greater than zero.")
    return values[0]


def count(name: str, default: int, *, least: int = 1, most: int = 1_000_000) -> int:
    """A whole number between the two."""
    value = given(name, str(default))
    if not value.isdecimal() or not least <= int(value) <= most:
        raise refused(name, f"give a whole number from {least} to {most}.")
    return int(value)


def database(name: str, default: str) -> dict[str, Any]:
    """What Django wants to know about a database; the value holds a password and is never repeated."""
    advice = f"{name}: give postgres://user:password@host:5432/name or sqlite:////full/path."
    try:
        found: dict[str, Any] = _env.db_url_config(given(name, default))  # type: ignore[no-untyped-call]
    except Exception as error:  # whatever the parser raises
        raise ImproperlyConfigured(advice) from error
    if found.get("ENGINE") not in {"django.db.backends.sqlite3", "django.db.backends.postgresql"}:
        raise ImproperlyConfigured(advice)
    return found
