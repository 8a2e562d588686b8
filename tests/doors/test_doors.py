"""Each kind of person at each door: let in or not, and nothing changes for those who are not."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.http import HttpResponse

from tests.doors.table import DOORS, LISTS, Door
from tests.doors.world import ROLES, Company, World, differences
from tests.forms import filled

LOGIN = "/admin/login/"

CASES = [pytest.param(door, role, id=f"{door} {ROLES[role]}") for door in DOORS for role in ROLES]


def knock(door: Door, role: str, world: World) -> Any:
    browser, address, values = world.browser(role), door.address(world.ids), door.values(world.ids)
    if door.form:
        values = filled(world.browser("S").get(address).content.decode(), door.form, **values)
    return browser.post(address, values) if door.method == "POST" else browser.get(address, values)


def sent_to_login(answer: HttpResponse) -> bool:
    return answer.status_code == 302 and answer["Location"].startswith(LOGIN)


@pytest.mark.parametrize(("door", "role"), CASES)
def test_a_door_lets_in_whom_the_table_says(company: Company, world: World, door: Door, role: str) -> None:
    world.upload_of(role)
    world.undo_of(role)
    before = company.rows
    answer = knock(door, role, world)
    if role in door.may:
        assert answer.status_code in door.answers
        assert not sent_to_login(answer)
    elif role == "A":
        assert sent_to_login(answer)
    elif not door.is_action or role not in LISTS[door.name]:
        assert answer.status_code in door.refusals
    assert bool(differences(before)) == (door.changes and role in door.may), differences(before)
    if door.changes and role in door.may and door.name.startswith("admin:"):
        assert LogEntry.objects.filter(user=world.users[role]).exists(), "nobody knows who did it"
