"""Are the Russian catalogues complete, compiled and up to date? Part of `make check`.

python -m tests.catalogues
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import polib

PROJECT = Path(__file__).resolve().parent.parent
OURS = PROJECT / "mailing/locale/ru/LC_MESSAGES/django.po"
DJANGOS = PROJECT / "backoffice/locale/ru/LC_MESSAGES/django.po"  # our wording of some of Django's sentences
SOURCES = ("mailing", "backoffice", "templates", "manage.py", "pyproject.toml")
MAKEMESSAGES = ["makemessages", "--locale", "ru", "--no-location", "--no-wrap", "--ignore", "backoffice/locale"]

Key = tuple[str, str, str]


def main() -> int:
    problems = [*_of_catalogue(OURS), *_of_catalogue(DJANGOS), *_against_sources()]
    for problem in problems:
        sys.stdout.write(f"{problem}\n")
    sys.stdout.write(f"Catalogues: {len(problems)} problems\n" if problems else "Catalogues: complete and compiled\n")
    return 1 if problems else 0


def _of_catalogue(path: Path) -> Iterator[str]:
    if not path.exists():
        yield f"{path.relative_to(PROJECT)} is missing: make messages"
        return
    catalogue = polib.pofile(str(path))
    name = path.relative_to(PROJECT)
    for entry in catalogue:
        if entry.obsolete:
            yield f"{name}: obsolete: {entry.msgid!r}"
        elif entry.fuzzy:
            yield f"{name}: fuzzy: {entry.msgid!r}"
        elif not entry.translated():
            yield f"{name}: not translated: {entry.msgid!r}"
        elif entry.msgid_plural and len(entry.msgstr_plural) not in {3, 4}:
            yield f"{name}: Russian has three plural forms or four: {entry.msgid!r}"
    if not _is_compiled(catalogue, path.with_suffix(".mo")):
        yield f"{name}: the compiled catalogue is missing or stale: make messages"


def _is_compiled(catalogue: polib.POFile, path: Path) -> bool:
    if not path.exists():
        return False
    return _texts(polib.mofile(str(path))) == _texts(catalogue.translated_entries())


def _texts(entries: object) -> dict[Key, object]:
    assert isinstance(entries, list)
    return {_key(entry): entry.msgstr or tuple(sorted(entry.msgstr_plural.items())) for entry in entries}


def _key(entry: polib.POEntry) -> Key:
    return (entry.msgctxt or "", entry.msgid, entry.msgid_plural or "")


def _against_sources() -> Iterator[str]:
    """Collects the strings of a copy of the sources and compares."""
    if not shutil.which("xgettext"):
        yield from ["xgettext is missing: apt-get install gettext"] if os.environ.get("CI") else []
        sys.stdout.write("Catalogues: NOT compared with the sources (apt-get install gettext)\n")
        return
    with tempfile.TemporaryDirectory(prefix="samovar-messages-") as folder:
        found = _collect(Path(folder))
    stored = {_key(entry) for entry in polib.pofile(str(OURS)) if not entry.obsolete} if OURS.exists() else set()
    for key in sorted(found - stored):
        yield f"not in the catalogue (make messages): {key[1]!r}"
    for key in sorted(stored - found):
        yield f"in the catalogue, but in no source: {key[1]!r}"


def _collect(folder: Path) -> set[Key]:
    for name in SOURCES:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.mo"))
        else:
            shutil.copy(source, folder)
    (folder / "mailing/locale").mkdir(exist_ok=True)
    environment = os.environ | {"DATABASE_URL": "sqlite:///unused.sqlite3", "DEBUG": "true"}
    subprocess.run(
        [sys.executable, "manage.py", *MAKEMESSAGES], cwd=folder, env=environment, check=True, stdout=sys.stderr
    )
    collected = polib.pofile(str(folder / "mailing/locale/ru/LC_MESSAGES/django.po"))
    return {_key(entry) for entry in collected if not entry.obsolete}


if __name__ == "__main__":
    sys.exit(main())
