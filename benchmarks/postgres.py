"""A real PostgreSQL of one's own, for benchmarks and tests: started from the installed programs, gone afterwards.

`initdb` and `postgres` refuse to run as root, so root hands them to the user `postgres` (Debian's package makes it).
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DEBIAN_BINARIES = "/usr/lib/postgresql"

_started: dict[str, tuple[Path, str]] = {}  # data folder and options of each server that runs, by its URL


def binaries() -> Path | None:
    """The folder of the newest server programs on this machine: on the PATH or where Debian puts them."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    versions = sorted(Path(DEBIAN_BINARIES).glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return versions[-1].parent if versions else None


@contextmanager
def server(programs: Path, *, durable: bool = False, buffers: str = "128MB") -> Iterator[str]:
    """Runs a server on a loopback port of its own and yields its DATABASE_URL.

    `durable=False` turns fsync off: quick, and harmless as long as nobody pulls the plug of the machine.
    """
    folder = Path(tempfile.mkdtemp(prefix="samovar-pg-"))
    data, port, user = folder / "data", _free_port(), _unprivileged_user()
    if user:
        shutil.chown(folder, user["user"])
    try:
        _run(
            [programs / "initdb", "-D", data, "-U", "samovar", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"], user
        )
        durability = "" if durable else "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
        options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} -c max_connections=200"
        options += f" -c shared_buffers={buffers} {durability}"
        _run([programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start"], user)
        url = f"postgres://samovar@127.0.0.1:{port}/postgres"
        _started[url] = (data, options)
        try:
            yield url
        finally:
            del _started[url]
            _run([programs / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop"], user)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def restart(programs: Path, url: str, *, mode: str, pause: float) -> None:
    """Stops a server of ours ("fast": orderly, "immediate": as in a crash) and starts it again after a pause."""
    data, options = _started[url]
    user = _unprivileged_user()
    _run([programs / "pg_ctl", "-D", data, "-w", "-m", mode, "stop"], user)
    time.sleep(pause)
    _run([programs / "pg_ctl", "-D", data, "-w", "-l", data.parent / "log", "-o", options, "start"], user)


def _run(command: list[Any], user: dict[str, Any]) -> None:
    # pg_ctl's child keeps an inherited pipe open, so the output goes to a file.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            [str(part) for part in command],
            check=False,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd="/",
            **user,
        )
        if done.returncode:
            output.seek(0)
            raise RuntimeError(f"{command[0]} ended with {done.returncode}: {output.read()}")


def _unprivileged_user() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    return {"user": "postgres", "group": "postgres", "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
