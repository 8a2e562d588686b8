"""Work on other people's texts and files, in a process of its own with a ceiling of time and memory.

A parser written in C or Rust may overflow its stack, a small file may unpack to gigabytes: there it ends a child, not
a web worker or a cluster. The child begins as a fresh interpreter (a fork of a process with threads may hang), knows
nothing of our environment (no password of a database is there to be read) and hands its result back as JSON.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_OUT_OF_MEMORY = 77  # an exit code that Python itself never uses
_TAIL = 500  # bytes of the child's last words that are worth keeping


class Limit(Enum):
    TIME = "time"
    MEMORY = "memory"
    CRASH = "crash"


class Exceeded(Exception):
    """The work did not end within its bounds, or ended its process. `last_words` are for a log, not for people."""

    def __init__(self, limit: Limit, last_words: str = "") -> None:
        super().__init__(limit.value, last_words)
        self.limit = limit
        self.last_words = last_words


def call(target: str, /, *, seconds: float, megabytes: int, **given: Any) -> Any:
    """The result of the function `module:name`, called with `given`; both must be made of what JSON can say.

    `megabytes` are of address space, of which an interpreter with a parser needs some 200. Raises `Exceeded`, also
    for an exception inside: what the function wants to refuse is part of its result.
    """
    limits = (str(seconds), str(megabytes))
    command = [sys.executable, "-m", "mailing.confined", target, *limits]
    try:
        done = subprocess.run(
            command,
            check=False,
            input=json.dumps(given).encode(),
            capture_output=True,
            cwd=ROOT,
            env=_environment(),
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as error:
        raise Exceeded(Limit.TIME) from error
    if done.returncode == 0:
        return json.loads(done.stdout)
    limit = Limit.MEMORY if done.returncode == _OUT_OF_MEMORY else Limit.CRASH
    raise Exceeded(limit, done.stderr[-_TAIL:].decode("utf-8", "replace"))


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "TZ", "SYSTEMROOT") if name in os.environ} | {
        "PYTHONUTF8": "1"
    }


def _main(target: str, seconds: str, megabytes: str) -> None:
    """The child. What it imports counts against its ceiling, too."""
    given = json.load(sys.stdin)
    _limit(resource.RLIMIT_AS, int(megabytes) * 1024 * 1024)
    _limit(resource.RLIMIT_CPU, int(float(seconds)) + 1)  # also when the parent was killed and watches no more
    _limit(resource.RLIMIT_CORE, 0)
    try:
        module, name = target.split(":")
        result = json.dumps(getattr(import_module(module), name)(**given))
    except MemoryError:
        os._exit(_OUT_OF_MEMORY)
    sys.stdout.write(result)


def _limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


if __name__ == "__main__":
    _main(*sys.argv[1:])
