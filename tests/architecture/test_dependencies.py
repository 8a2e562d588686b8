"""What is installed is what was recorded: every package has its version and its hashes, whoever installs it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.files import there
from tests.processes import PROJECT

WRITTEN = [
    there(name)
    for name in (
        "requirements.in",
        "requirements-dev.in",
        "mailing/demo/requirements.in",
        "benchmarks/requirements-peers.in",
    )
]
LOCKED = [path.with_suffix(".txt") for path in WRITTEN]
INSTALLERS = [
    "Makefile",
    "Dockerfile",
    "docs/how-to/install.md",
    "docs/how-to/upgrade.md",
    "benchmarks/contestants.py",
]
PIN = re.compile(r"^([\w.-]+)(?:\[\w+\])?==([\w.+]+)", re.MULTILINE)


def name_of(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def pins(text: str) -> set[tuple[str, str]]:
    return {(re.sub("[_.]", "-", name).lower(), version) for name, version in PIN.findall(text)}


@pytest.mark.parametrize("written", WRITTEN, ids=name_of)
def test_what_was_written_down_is_locked(written: Path) -> None:
    """Whoever changes one of these runs `make pins`."""
    missing = pins(written.read_text()) - pins(written.with_suffix(".txt").read_text())
    assert not missing, f"{missing}: run make pins, and commit what it wrote."


@pytest.mark.parametrize("written", WRITTEN, ids=name_of)
def test_every_version_that_is_written_down_is_exact(written: Path) -> None:
    lines = [line for line in written.read_text().splitlines() if line and not line.startswith(("#", "-"))]
    assert [line for line in lines if not PIN.match(line)] == []


@pytest.mark.parametrize("locked", LOCKED, ids=name_of)
def test_every_locked_package_has_hashes_and_says_nothing_of_where_it_came_from(locked: Path) -> None:
    text = re.sub(r"^ *#.*\n", "", locked.read_text(), flags=re.MULTILINE)
    packages = text.replace("\\\n", "").splitlines()
    assert packages
    assert [line for line in packages if not PIN.match(line) or "--hash=sha256:" not in line] == []
    assert "://" not in text
    assert "file:" not in text


def test_two_lists_lock_the_same_version_of_a_package() -> None:
    own, demo, tests = (
        dict(pins(there(name).read_text())) for name in map(name_of, (LOCKED[0], LOCKED[2], LOCKED[1]))
    )
    assert own.items() | demo.items() <= tests.items()


@pytest.mark.parametrize("name", INSTALLERS)
def test_whoever_installs_asks_for_the_hashes_and_builds_nothing(name: str) -> None:
    text = there(name).read_text()
    installs = [line for line in text.splitlines() if re.search(r"\bpip\b.*\binstall\b|INSTALL :=", line)]
    assert installs
    assert [line for line in installs if not ("--require-hashes" in line and "--only-binary" in line)] == []
