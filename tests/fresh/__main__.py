"""`make fresh`: a bare Debian, the README as a newcomer reads it, then the documents for operators, word by word.

    sudo python3 -m tests.fresh [--keep] [CHAPTER …]

Chapters: readme, install, letter, backup, restore, upgrade; without a name all of them, in this order. Takes a
quarter of an hour, some 3 GB below var/, and a network to fetch packages from. It needs no package of Python's.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.fresh import machine
from tests.fresh.documents import PROJECT
from tests.fresh.journey import CHAPTERS, Journey, furnish

ROOM = PROJECT / "var/fresh"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tests.fresh")
    parser.add_argument("--keep", action="store_true", help="leave the machine's files below var/fresh")
    parser.add_argument("chapters", nargs="*", metavar="CHAPTER", choices=[[], *CHAPTERS], help=", ".join(CHAPTERS))
    options = parser.parse_args()
    if os.geteuid() != 0:
        return _refuse("a machine within the machine is made by root: sudo make fresh")
    if absent := machine.missing():
        return _refuse(f"install first: apt-get install {' '.join(absent)}")
    if changed := _not_committed():
        print(f"What is not committed is not tried, because the machine clones:\n{changed}", flush=True)  # noqa: T201
    tree = ROOM / "tree"
    shutil.rmtree(ROOM, ignore_errors=True)
    ROOM.mkdir(parents=True, mode=0o700)
    try:
        return _travel(tree, [name for name in CHAPTERS if name in (options.chapters or CHAPTERS)])
    finally:
        if not options.keep:
            shutil.rmtree(tree, ignore_errors=True)


def _travel(tree: Path, chapters: list[str]) -> int:
    began = time.monotonic()
    machine.build(tree)
    with machine.booted(tree, ROOM / "console.log") as fresh, (ROOM / "journey.log").open("w") as log:
        journey = Journey(fresh, log)
        journey.say(f"A bare Debian after {time.monotonic() - began:.0f} s")
        furnish(journey, tree)
        for name in chapters:
            journey.chapter(name)
            try:
                CHAPTERS[name](journey)
            except (AssertionError, RuntimeError, OSError, subprocess.TimeoutExpired) as error:
                journey.say(f"STOPPED in {name!r}: {error}")
                journey.say(fresh.root("journalctl --no-pager -n 60 -u 'samovar-*' -u nginx || true", check=False))
                return 1
        journey.say(
            f"Everything was done after {time.monotonic() - began:.0f} s. {ROOM / 'journey.log'} has every word."
        )
    return 0


def _not_committed() -> str:
    status = ["git", "status", "--porcelain"]
    return subprocess.run(status, cwd=PROJECT, capture_output=True, text=True, check=True).stdout


def _refuse(reason: str) -> int:
    print(reason, file=sys.stderr)  # noqa: T201
    return 2


if __name__ == "__main__":
    sys.exit(main())
