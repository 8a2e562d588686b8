"""Advice on files that other users of the machine could read (`manage.py check --deploy`).

What is made new is for the own user alone (`os.umask` in manage.py, wsgi.py, asgi.py); this finds what was there
before.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register


@register(Tags.security, deploy=True)
def check_file_modes(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    hint = "Take it from them: chmod o= {0}"
    return [
        Warning(f"{path} can be read by every user of this machine.", hint=hint.format(path), id="backoffice.W001")
        for path in holding_secrets()
        if open_to_others(path)
    ]


def holding_secrets() -> Iterator[Path]:
    """Settings with their passwords, and all data where they are in a file."""
    yield settings.BASE_DIR / ".env"
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        yield from (Path(f"{database['NAME']}{ending}") for ending in ("", "-wal", "-shm"))


def open_to_others(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH))
    except OSError:  # not there, or not even for us
        return False
