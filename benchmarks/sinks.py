"""The mail servers letters are sent to: Postfix's smtp-sink, and our own with an emulated round trip."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Sink:
    """A mail server process on loopback that accepts everything and counts what it accepted."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.counter = folder / f"sink-{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def accepted(self) -> int:
        raise NotImplementedError

    def cpu(self) -> float:
        """Seconds of processor so far (Linux; elsewhere 0)."""
        assert self.process is not None
        path = Path(f"/proc/{self.process.pid}/stat")
        if not path.exists():
            return 0.0
        user, system = path.read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def __enter__(self) -> Self:
        with self.counter.open("wb") as output:
            self.process = subprocess.Popen(self.command(), stdout=output, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return self
        raise RuntimeError(f"The sink did not start: {self.counter.read_text(errors='replace')}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)


class SmtpSink(Sink):
    """Postfix's smtp-sink (C): the same server for every contestant of the loopback rows."""

    def command(self) -> list[str]:
        program = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin:/usr/local/sbin")
        if program is None:
            raise RuntimeError("smtp-sink is missing: install Debian's package postfix.")
        return [program, "-u", "nobody", "-c", f"127.0.0.1:{self.port}", "1024"]

    def accepted(self) -> int:
        """Letters so far: `-c` rewrites one line "sess=… quit=… mesg=…" after each."""
        with self.counter.open("rb") as counter:  # megabytes: only the end is read
            counter.seek(max(0, self.counter.stat().st_size - 200))
            last = counter.read().decode(errors="replace")
        numbers = [line for line in last.split("\r") if "mesg=" in line]
        return int(numbers[-1].split("mesg=")[1].split()[0]) if numbers else 0


class DistantSink(Sink):
    """Our own sink (`benchmarks.distant`): every reply leaves one round trip after what it answers."""

    def __init__(self, folder: Path, round_trip: float, *, chunking: bool = False) -> None:
        super().__init__(folder)
        self.round_trip = round_trip
        self.chunking = chunking

    def command(self) -> list[str]:
        more = ["chunking"] if self.chunking else []
        return [sys.executable, "-m", "benchmarks.distant", str(self.port), str(self.round_trip), *more]

    def _times(self) -> list[float]:
        lines = self.counter.read_text().splitlines()
        return [float(part) for part in lines[-1].split()] if lines else []

    def accepted(self) -> int:
        times = self._times()
        return int(times[0]) if times else 0

    def first(self) -> float | None:
        """When the first letter was accepted (epoch seconds)."""
        times = self._times()
        return times[1] if times else None

    def last(self) -> float | None:
        times = self._times()
        return times[2] if times else None
