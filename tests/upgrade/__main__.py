"""Makes the two dumps of a version from the code at hand, and records the files of its migrations.

    python -m tests.upgrade VERSION

Takes about a minute and the programs of a PostgreSQL server. People, names and states are the same each time;
moments, Message-IDs and ports are those of the day.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import postgres
from tests.processes import PROJECT
from tests.upgrade import released
from tests.upgrade.databases import FOLDER, Database, pack


def main(version: str) -> str | None:
    """What is wrong, if anything is."""
    programs = postgres.binaries()
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        return f"{version} is no version: give three numbers such as 0.1.0."
    if programs is None:
        return "The programs of a PostgreSQL server are missing: apt-get install postgresql"
    if changed := released.changed():
        return released.ADVICE.format(names=", ".join(changed))
    if made := [path.name for path in FOLDER.glob(f"{version}.*")]:
        return f"{', '.join(made)}: there already. What a released version left behind does not change."
    packed = {}
    for fresh in (_fresh_sqlite(), _fresh_postgresql(programs)):
        with fresh as database:
            _fill(database)
            packed[FOLDER / f"{version}{database.suffix}"] = pack(database)
    for dump, content in packed.items():
        dump.write_bytes(content)
        sys.stdout.write(f"{dump.relative_to(PROJECT)}: {len(content)} bytes\n")
    released.record()
    return None


@contextmanager
def _fresh_sqlite() -> Iterator[Database]:
    with TemporaryDirectory(prefix="samovar-upgrade-") as folder:
        yield Database(f"sqlite:///{folder}/samovar.sqlite3")


@contextmanager
def _fresh_postgresql(programs: Path) -> Iterator[Database]:
    with postgres.server(programs) as url:
        yield Database(url)


def _fill(database: Database) -> None:
    known = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    settings = known | {"DJANGO_SETTINGS_MODULE": "tests.settings", "DATABASE_URL": database.url}
    for command in (["manage.py", "migrate", "--verbosity=0"], ["-m", "tests.upgrade.filling"]):
        subprocess.run([sys.executable, *command], cwd=PROJECT, env=settings, check=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("python -m tests.upgrade VERSION")
    sys.exit(main(sys.argv[1]))
