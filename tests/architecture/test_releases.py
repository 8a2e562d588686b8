"""What was released stays as it is: its migrations, and a dump of its databases to be upgraded from."""

from __future__ import annotations

import lzma
import re
import tomllib
from pathlib import Path

import pytest

import mailing
from tests.processes import PROJECT
from tests.upgrade import released
from tests.upgrade.databases import FOLDER, POSTGRESQL, SQLITE

SECTIONS = re.findall(r"^## (\S+)(.*)$", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE)
RELEASED = [version for version, rest in SECTIONS if "unreleased" not in rest]
DUMPS = sorted([*FOLDER.glob(f"*{SQLITE}"), *FOLDER.glob(f"*{POSTGRESQL}")])


def test_a_released_migration_does_not_change() -> None:
    changed = released.changed()
    assert not changed, released.ADVICE.format(names=", ".join(changed))


def test_a_change_of_a_released_migration_is_seen(tmp_path: Path) -> None:
    first, *others = released.recorded()
    (tmp_path / first).parent.mkdir(parents=True)
    (tmp_path / first).write_bytes((PROJECT / first).read_bytes())
    assert released.changed(tmp_path) == others
    with (tmp_path / first).open("a") as file:
        file.write("\n")
    assert released.changed(tmp_path) == [first, *others]


def test_a_release_records_its_migrations() -> None:
    version, rest = SECTIONS[0]
    new = set(released.names()) - set(released.recorded())
    assert not new or "unreleased" in rest, f"{new}: python -m tests.upgrade {version} records them, with two dumps"


def test_the_first_released_version_left_a_dump_of_both_databases_behind() -> None:
    assert RELEASED[-1] == "0.1.0"
    assert {path.name for path in DUMPS} >= {f"0.1.0{SQLITE}", f"0.1.0{POSTGRESQL}"}


@pytest.mark.parametrize("dump", DUMPS, ids=lambda dump: dump.name)
def test_a_dump_is_of_a_version_that_the_changelog_tells_of_and_has_a_twin(dump: Path) -> None:
    version = dump.name.removesuffix(SQLITE).removesuffix(POSTGRESQL)
    assert version in dict(SECTIONS)
    assert {f"{version}{SQLITE}", f"{version}{POSTGRESQL}"} <= {path.name for path in DUMPS}


@pytest.mark.parametrize("dump", DUMPS, ids=lambda dump: dump.name)
def test_a_dump_is_small_and_its_people_are_invented(dump: Path) -> None:
    assert dump.stat().st_size < 150_000
    content = lzma.decompress(dump.read_bytes())
    domains = set(re.findall(rb"[\w.+-]+@([\w-]+(?:\.[\w-]+)+)", content))
    assert domains
    assert not [domain for domain in domains if b"example" not in domain]


def test_the_version_is_the_same_wherever_it_stands() -> None:
    stated = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
    assert mailing.__version__ == stated == SECTIONS[0][0]
