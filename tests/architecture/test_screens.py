"""A screen is one class: its parts stand beside each other on the common base, not on top of each other."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.admin.options import ModelAdmin

from mailing.admin.common import base
from mailing.admin.mailings import tabs

COMMON = {base.__name__, tabs.__name__}
SCREENS = [screen for screen in admin.site._registry.values() if isinstance(screen, base.SamovarModelAdmin)]


def is_part(one: type) -> bool:
    """Of our own, and not a common base: of all screens, or of the tabs of a page."""
    return one.__module__.startswith(("mailing.", "backoffice.")) and one.__module__ not in COMMON


def towers(screen: type[ModelAdmin]) -> dict[str, list[str]]:
    """Parts of the screen that stand on another part of it, instead of on the common base."""
    below = {part: [one.__name__ for one in part.__bases__ if is_part(one)] for part in screen.__mro__[1:]}
    return {part.__name__: names for part, names in below.items() if is_part(part) and names}


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.opts.label)
def test_the_parts_of_a_screen_stand_beside_each_other(screen: base.SamovarModelAdmin) -> None:
    assert towers(type(screen)) == {}


def test_a_part_on_another_part_is_caught() -> None:
    class Pages(base.SamovarModelAdmin): ...

    class Form(Pages): ...

    class Screen(Form): ...

    for part in (Pages, Form, Screen):
        part.__module__ = "mailing.admin.planted"
    assert towers(Screen) == {"Form": ["Pages"]}


def test_every_screen_of_ours_stands_on_the_common_base() -> None:
    assert [model for model, screen in admin.site._registry.items() if screen not in SCREENS] == []
