"""Fixtures shared by all rooms of the tests."""

from __future__ import annotations

import gc
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone, translation
from pytest_django import DjangoDbBlocker

from backoffice import screens  # noqa: F401  (rooms look at the admin's registry without opening a page)
from tests import emptied
from tests.delivery.transports.in_memory import MemoryTransport

# Rooms whose tests would see the same in any database: `python -m tests` runs them on SQLite only.
ONCE = ("architecture", "browser", "doors", "pure", "smtp")
DATABASE = {"db", "transactional_db", "live_server", "django_db_setup"}
SLOWEST = 10
MEMORY = Path("/dev/shm")
ROOM = 2**30  # bytes: in a container this may be 64 MB, and PostgreSQL wants them


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    tests = Path(__file__).parent
    for item in items:
        if item.path.relative_to(tests).parts[0] in ONCE or not _meets_a_database(item):
            item.add_marker(pytest.mark.once)


def pytest_collection_finish() -> None:
    """Thousands of collected tests stay until the end: looking through them for garbage took a tenth of the run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _meets_a_database(item: pytest.Item) -> bool:
    asked = item.get_closest_marker("django_db") or item.get_closest_marker("both")
    return asked is not None or not DATABASE.isdisjoint(getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> Iterator[None]:
    """SQLite tests use a file: threads and child processes must see the same database as the test."""
    database = settings.DATABASES["default"]
    if database["ENGINE"] != "django.db.backends.sqlite3":
        yield
        return
    with tempfile.TemporaryDirectory(prefix="samovar-test-", dir=_quick_folder()) as folder:
        database.setdefault("TEST", {})["NAME"] = str(Path(folder) / "test.sqlite3")
        yield


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock(), emptied.quickly():
        yield


def _quick_folder() -> Path | None:
    """In memory, where there is room: each commit waits for the disk, six milliseconds at a time."""
    return MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM else None


@pytest.fixture(autouse=True)
def language_of_the_settings() -> None:
    """A page asked for in Russian leaves the thread Russian; the next test starts in English all the same."""
    translation.deactivate()


@pytest.fixture
def superuser(db: None) -> User:
    return User.objects.create_superuser("boss", "boss@example.com", "secret")


@pytest.fixture
def now() -> datetime:
    return timezone.now().replace(microsecond=0)


@pytest.fixture
def carrier(monkeypatch: pytest.MonkeyPatch) -> MemoryTransport:
    """The mail server in memory; `accepted` are its letters."""
    memory = MemoryTransport()
    monkeypatch.setattr("mailing.delivery.transports.configured.from_settings", lambda **options: memory)
    return memory


Told = Callable[[str], None]


@pytest.fixture
def told(record_property: Callable[[str, object], None]) -> Told:
    """For what a suite counted: `told("25 rounds")` stands at the end of the run, under xdist too."""
    return lambda line: record_property("told", line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    passed = terminalreporter.getreports("passed")
    lines = [value for report in passed for name, value in report.user_properties if name == "told"]
    if lines:
        terminalreporter.section("counted", sep="-")
        for line in sorted(lines):
            terminalreporter.write_line(str(line))
    _say_what_takes_long(terminalreporter)


def _say_what_takes_long(terminalreporter: pytest.TerminalReporter) -> None:
    spent: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                spent[report.location[0]] += report.duration
    if len(spent) > SLOWEST:
        terminalreporter.section(f"{SLOWEST} slowest files of {sum(spent.values()):.0f} s", sep="-")
        for file, seconds in spent.most_common(SLOWEST):
            terminalreporter.write_line(f"{seconds:5.0f} s  {file}")
