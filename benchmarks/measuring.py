"""Run a process and say what it cost."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one finished process and its children: seconds of wall clock and processor, peak memory in MB."""

    code: int
    wall: float
    cpu: float
    peak_mb: float


def run(command: Sequence[str], *, env: Mapping[str, str] | None = None, log: Path, cwd: Path | None = None) -> Cost:
    """Runs to the end; standard output and error go to the log."""
    with log.open("ab") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, env=dict(env) if env is not None else None, stdout=output, stderr=output, cwd=cwd
        )
        _pid, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    return Cost(process.returncode, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
