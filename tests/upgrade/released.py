"""Which migrations are out: installations have run them, so their files never change again.

`migrations.sha256` is what `sha256sum --check` reads.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from tests.processes import PROJECT

RECORD = Path(__file__).with_name("migrations.sha256")
MIGRATIONS = "mailing/migrations/[0-9]*.py"
ADVICE = "{names}: changed or gone, but installations have run it. Put it back and add a new migration instead."


def recorded() -> dict[str, str]:
    """Hash by file."""
    lines = RECORD.read_text().splitlines() if RECORD.exists() else []
    return {name: digest for digest, name in (line.split(maxsplit=1) for line in lines)}


def changed(project: Path = PROJECT) -> list[str]:
    """The released migrations that are not what they were."""
    return [name for name, digest in recorded().items() if _digest(project / name) != digest]


def names() -> list[str]:
    """All migrations there are, released or not."""
    return sorted(path.relative_to(PROJECT).as_posix() for path in PROJECT.glob(MIGRATIONS))


def record() -> None:
    """All of them are released now."""
    RECORD.write_text("".join(f"{_digest(PROJECT / name)}  {name}\n" for name in names()))


def _digest(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest() if file.exists() else ""
