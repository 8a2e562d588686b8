"""Environment variables as typed values: what `settings.py` asks for, from the environment or from `.env`.

An empty variable counts as left out. Nonsense is refused with the variable, where it stands, and what to give
instead. Its value is never repeated: a password in the wrong line is a password all the same.
"""

from __future__ import annotations

import io
import math
import os
import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from mailing import hosts

LINE = re.compile(r"(?:export )?([A-Za-z_0-9]+)=.*")
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
DATABASES = {"django.db.backends.sqlite3", "django.db.backends.postgresql"}
ESCAPES = "In a name or a password write % as %25, / as %2F, @ as %40, : as %3A, # as %23, ? as %3F, [ as %5B."

FILE = Path(__file__).resolve().parent.parent / ".env"
_from_file: set[str] = set()  # names whose value `.env` gave


def load(path: Path) -> None:
    """Takes over what `.env` says and the environment does not.

    Without the file the environment is the whole configuration, so it must at least say what this is to be: a file
    that was forgotten, or that this user may not read, must not turn an installation into a demo.
    """
    if not os.path.lexists(path):
        if not given("DEBUG") and not given("SECRET_KEY"):
            raise ImproperlyConfigured(
                f"Nothing is configured: there is no {path}, and neither SECRET_KEY nor DEBUG is in the environment. "
                "For the demo type: make run (for a command beside it put DEBUG=true before the command). "
                "For an installation: cp .env.sample .env, then fill it in as docs/how-to/install.md says."
            )
        return
    values = read(path)
    _from_file.update(values.keys() - os.environ.keys())
    for name, value in values.items():
        os.environ.setdefault(name, value)


def read(path: Path) -> dict[str, str]:
    """What the file says."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ImproperlyConfigured(f"{path} is not a text in UTF-8: save it as one.") from None
    except OSError as error:
        raise ImproperlyConfigured(
            f"{path} cannot be read ({error.strerror}). Nothing is guessed instead: make it readable for the user "
            "this runs as, or remove it and set everything in the environment."
        ) from None
    values: dict[str, str] = {}

    class Reader(environ.Env):
        ENVIRON = values  # type: ignore[assignment]  # by default it writes into our environment

    Reader.read_env(io.StringIO("\n".join(_settings(path, lines))))
    return values


def _settings(path: Path, lines: list[str]) -> list[str]:
    """The lines that set something; anything but them, comments and empty lines is a slip of somebody's hand."""
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not LINE.fullmatch(line) or CONTROL.search(line):
            raise ImproperlyConfigured(
                f"Line {number} of {path} is not understood: write NAME=value, without blanks before the name "
                "or around the sign =, and # at the beginning of a comment."
            )
        found.append(line)
    return found


def refused(name: str, advice: str) -> ImproperlyConfigured:
    """The refusal of a value. Raise it `from None`: the errors of parsers quote what they could not parse."""
    place = ".env" if name in _from_file else "the environment"
    return ImproperlyConfigured(f"{name} in {place}: {advice}")


def given(name: str, default: str = "") -> str:
    """The text of a variable, without blanks around it."""
    return exactly(name).strip() or default


def exactly(name: str) -> str:
    """The text as it stands there: a password may begin with a blank, or with the sign of a variable."""
    return os.environ.get(name, "")


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


def host(name: str, default: str) -> str:
    """The name or the address of a machine, and nothing else: no scheme, no port, no path."""
    value = given(name, default)
    if not hosts.is_host(value):
        raise refused(
            name,
            "give the name or the IP address of a machine and nothing else, such as smtp.example.com: "
            "no blank, no underscore, no smtp:// before it, no port behind it.",
        )
    return value.strip("[]")


def is_strong(key: str) -> bool:
    """Whether nobody can guess a key by which things are signed."""
    return len(key) >= 40 and len(set(key)) >= 10 and not key.startswith("django-insecure-")


def site(name: str, default: str) -> str:
    """The address of a site, without a slash at its end."""
    value = given(name, default).rstrip("/")
    parts = split(value)
    usable = parts is not None and parts.scheme in {"http", "https"} and hosts.is_host(parts.hostname or "")
    if not usable or parts is None or "@" in parts.netloc or parts.query or parts.fragment:
        raise refused(name, "give the full address, for example https://letters.example.com, without a login.")
    return value


def split(address: str) -> SplitResult | None:
    """The parts of an address, or None where a stray character moves them: half a password would be a host."""
    try:
        parts = urlsplit(address)
        port = parts.port if "," not in parts.netloc else 1  # PostgreSQL may have several hosts
    except ValueError:
        return None
    stray = "@" in parts.path + parts.query or parts.fragment or CONTROL.search(address) or re.search(r"\s", address)
    return None if stray or port == 0 else parts


def database(name: str, default: str) -> dict[str, Any]:
    """What Django wants to know about a database."""
    address = given(name, default)
    scheme = address.partition("://")[0]
    try:
        if scheme != "sqlite" and split(address) is None:
            raise ValueError
        found: dict[str, Any] = environ.Env.db_url_config(address)  # type: ignore[no-untyped-call]
        if not found.get("NAME") or found.get("ENGINE") not in DATABASES:
            raise ValueError
    except Exception:  # whatever the parser raises
        advice = f"give postgres://user:password@host:5432/name or sqlite:////full/path. {ESCAPES}"
        raise refused(name, advice) from None
    return found


def redis(name: str) -> str:
    """The address of a Redis, or nothing."""
    address = given(name)
    parts = split(address)
    usable = parts is not None and (
        (parts.scheme in {"redis", "rediss"} and bool(parts.hostname) and re.fullmatch("(/[0-9]*)?", parts.path))
        or (parts.scheme == "unix" and parts.path.startswith("/"))
    )
    if address and not usable:
        raise refused(name, f"give redis://:password@host:6379/0, or leave it empty. {ESCAPES}")
    return address
