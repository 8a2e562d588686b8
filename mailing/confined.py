"""Work on other people's texts and files, in a process of its own with a ceiling of time and memory.

A parser written in C or Rust may overflow its stack, a small file may unpack to gigabytes: there it ends a child, not
a web worker or a cluster. The child begins as a fresh interpreter (a fork of a process with threads may hang), knows
nothing of our environment (no password of a database is there to be read) and hands its result back as JSON.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
_OUT_OF_MEMORY = 77  # an exit code that Python itself never uses
_TOLD_TO_END = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_TAIL = 500  # bytes of the child's last words that are worth keeping
_PIECE = 64 * 1024
_LONGEST = 8 * 2**20  # bytes of one thing that a stream may hand back
_LEAVING = 5  # seconds for a child that has said everything


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


class Interrupted(Exception):
    """Somebody ended the child together with us (Ctrl-C, a service that stops): nothing is wrong with the work."""


def call(target: str, /, *, seconds: float, megabytes: int, **given: Any) -> Any:
    """The result of the function `module:name`, called with `given`; both must be made of what JSON can say.

    `megabytes` are of address space, of which an interpreter with a parser needs some 200. Raises `Exceeded`, also
    for an exception inside: what the function wants to refuse is part of its result. Raises `Interrupted`.
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
    raise _ended(done.returncode, done.stderr)


def stream(target: str, data: Iterable[bytes], /, *, seconds: float, megabytes: int, **given: Any) -> Iterator[Any]:
    """What the generator function `module:name`, called with all the `data` and `given`, yields, one by one.

    Only the seconds count during which we wait for the child: whoever stores what comes may take longer. Otherwise
    like `call`; an `Exceeded` may come after much that was good.
    """
    with _child(target, seconds, megabytes, given, data) as child:
        assert child.stdout
        assert child.stderr
        for line in _lines(child.stdout, seconds):
            yield json.loads(line)
        try:
            code = child.wait(_LEAVING)
        except subprocess.TimeoutExpired as error:
            raise Exceeded(Limit.TIME) from error
        if code:
            raise _ended(code, child.stderr.read())


@contextmanager
def _child(
    target: str, seconds: float, megabytes: int, given: dict[str, Any], data: Iterable[bytes]
) -> Iterator[subprocess.Popen[bytes]]:
    """The child, told everything; it is gone afterwards, also when somebody stops listening in the middle."""
    child = subprocess.Popen(
        [sys.executable, "-m", "mailing.confined", target, str(seconds), str(megabytes), "stream"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env=_environment(),
    )
    assert child.stdin
    try:
        with suppress(BrokenPipeError):  # it died; why, its end will say
            child.stdin.write(json.dumps(given).encode() + b"\n")
            for piece in data:
                child.stdin.write(piece)
            child.stdin.close()
        yield child
    finally:
        child.kill()
        with suppress(BrokenPipeError):
            child.__exit__(None, None, None)  # closes the pipes and waits


def _lines(pipe: IO[bytes], seconds: float) -> Iterator[bytes]:
    waiting = select.poll()
    waiting.register(pipe, select.POLLIN)
    left, buffer = seconds, b""
    while True:
        began = time.monotonic()
        if not waiting.poll(max(left, 0) * 1000):
            raise Exceeded(Limit.TIME)
        left -= time.monotonic() - began
        piece = os.read(pipe.fileno(), _PIECE)
        if not piece:
            return
        *lines, buffer = (buffer + piece).split(b"\n")
        if len(buffer) > _LONGEST:
            raise Exceeded(Limit.MEMORY)
        yield from lines


_ENDS = {
    _OUT_OF_MEMORY: Limit.MEMORY,
    -signal.SIGKILL: Limit.MEMORY,  # by the kernel, for the machine's
    -signal.SIGXCPU: Limit.TIME,
}


def _ended(code: int, stderr: bytes) -> Exceeded | Interrupted:
    if -code in _TOLD_TO_END:
        return Interrupted()
    limit = _ENDS.get(code, Limit.CRASH)
    return Exceeded(limit, stderr[-_TAIL:].decode("utf-8", "replace"))


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "TZ", "SYSTEMROOT") if name in os.environ} | {
        "PYTHONUTF8": "1"
    }


def _main(target: str, seconds: str, megabytes: str, how: str = "call") -> None:
    """The child. What it imports counts against its ceiling, too."""
    given = json.loads(sys.stdin.buffer.readline())
    data = sys.stdin.buffer.read()
    _limit(resource.RLIMIT_AS, int(megabytes) * 1024 * 1024)
    _limit(resource.RLIMIT_CPU, int(float(seconds)) + 1)  # also when the parent was killed and watches no more
    _limit(resource.RLIMIT_CORE, 0)
    _go_first()
    module, name = target.split(":")
    try:
        work = getattr(import_module(module), name)
        if how == "stream":
            for found in work(data, **given):
                sys.stdout.write(json.dumps(found) + "\n")
                sys.stdout.flush()
        else:
            sys.stdout.write(json.dumps(work(**given)))
    except MemoryError:
        os._exit(_OUT_OF_MEMORY)


def _limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _go_first() -> None:
    """If the machine itself runs out of memory, the kernel takes this process and no other of ours."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


if __name__ == "__main__":
    _main(*sys.argv[1:])
