"""How much a process has grown at most: Linux forgets the peak when it is asked to."""

from __future__ import annotations

import ctypes
import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WEB_PROCESS = 64  # MB: what any upload may cost


@contextmanager
def grows_at_most(megabytes: int) -> Iterator[None]:
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what lies about from tests before would hide what this one takes
    Path("/proc/self/clear_refs").write_text("5")
    before = _kilobytes("VmRSS")
    yield
    grown = (_kilobytes("VmHWM") - before) // 1024
    assert grown <= megabytes, f"{grown} MB"


def _kilobytes(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1])
