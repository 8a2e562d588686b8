"""The table of doors knows every form a page shows and every action a list offers, not only every address."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urljoin

import pytest
from django.contrib import admin
from django.test import RequestFactory
from django.urls import resolve
from lxml import html as lxml_html

from tests.doors.table import DOORS, Door
from tests.doors.world import World

PAGES = [door for door in DOORS if door.method == "GET" and "S" in door.may and door.answers == (200,)]
POSTED = {door.name.split(":")[-1] for door in DOORS if door.method == "POST"}


def posts(page: str, address: str) -> Iterator[str]:
    """The names of the addresses to which the forms and buttons of a page post."""
    tree = lxml_html.fromstring(page)
    forms = tree.xpath("//form[translate(@method, 'POST', 'post') = 'post'][not(@id = 'changelist-form')]")
    targets = [form.get("action") or address for form in forms]  # what a list posts is an action: below
    targets += [button.get("formaction") for button in tree.xpath("//*[@formaction]")]
    for target in targets:
        yield str(resolve(urljoin(address, target).partition("?")[0]).url_name)


@pytest.mark.parametrize("door", PAGES, ids=str)
def test_whatever_a_page_can_post_is_in_the_table(world: World, door: Door) -> None:
    world.upload_of("S")
    world.undo_of("S")
    address = door.address(world.ids)
    answer = world.browser("S").get(address, door.values(world.ids))
    if answer["Content-Type"].startswith("text/html") and not answer.streaming and answer.content:
        assert set(posts(answer.content.decode(), address)) - POSTED == set()


def test_every_action_a_list_offers_is_in_the_table(world: World) -> None:
    request = RequestFactory().get("/admin/")
    request.user = world.users["S"]
    offered = {
        (f"{model._meta.app_label}_{model._meta.model_name}_changelist", action)
        for model, screen in admin.site._registry.items()
        for action in screen.get_actions(request)
    }
    written = {(door.name.split(":")[-1], door.data["action"]) for door in DOORS if door.is_action}
    assert offered - written == set()
