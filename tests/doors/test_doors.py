"""Each kind of person at each door: let in or not, and nothing changes for those who are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import LazySettings
from django.contrib.admin.models import LogEntry
from django.http import HttpResponse

from tests.doors.table import DOORS, Door
from tests.doors.world import ROLES, World, build, fingerprint

LOGIN = "/admin/login/"

CASES = [pytest.param(door, role, id=f"{door} {ROLES[role]}") for door in DOORS for role in ROLES]


@pytest.fixture
def world(db: None, settings: LazySettings, tmp_path: Path) -> World:
    settings.DEBUG, settings.VAR_DIR = True, tmp_path  # the demo's mailbox is a door, too
    (tmp_path / "mailbox").mkdir()
    return build()


def knock(door: Door, role: str, world: World) -> HttpResponse:
    browser, address = world.browser(role), door.address(world.ids)
    if door.method == "POST":
        return browser.post(address, door.form(world.ids))  # type: ignore[return-value]
    return browser.get(address, door.form(world.ids))  # type: ignore[return-value]


def sent_to_login(answer: HttpResponse) -> bool:
    return answer.status_code == 302 and answer["Location"].startswith(LOGIN)


@pytest.mark.parametrize(("door", "role"), CASES)
def test_a_door_lets_in_whom_the_table_says(world: World, door: Door, role: str) -> None:
    before = fingerprint()
    answer = knock(door, role, world)
    if role in door.may:
        assert answer.status_code in door.answers, answer.status_code
        assert not sent_to_login(answer)
    elif role == "A":
        assert sent_to_login(answer)
    else:
        assert answer.status_code == 403
    if role not in door.may or not door.changes:
        assert fingerprint() == before


CHANGING = [
    pytest.param(door, role, id=f"{door} {ROLES[role]}") for door in DOORS if door.changes for role in door.may
]


@pytest.mark.parametrize(("door", "role"), CHANGING)
def test_a_door_that_changes_something_says_who_did_it(world: World, door: Door, role: str) -> None:
    before = fingerprint()
    knock(door, role, world)
    assert fingerprint() != before
    if role != "A":
        assert LogEntry.objects.filter(user=world.users[role]).exists()
