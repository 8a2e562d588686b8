"""The files of the repository, for the tests that read them as text."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from tests.processes import PROJECT


def there(path: str) -> Path:
    """What a list of a test names. Of something that has moved, the test would find nothing wrong ever after."""
    found = PROJECT / path
    if not found.exists():
        raise FileNotFoundError(f"{path} is not there any more: correct the test that lists it.")
    return found


def below(*rooms: str, kinds: Collection[str]) -> list[Path]:
    """The files of these kinds (".py") in these folders, in order."""
    return sorted(path for room in rooms for path in there(room).rglob("*") if path.suffix in kinds)
