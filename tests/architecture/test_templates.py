"""Templates: a page is told from a piece of one by its name, and each is used by something."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path

import django
import import_export
import pytest
from django.apps import apps

from tests.processes import PROJECT

APPS = [Path(config.path) for config in apps.get_app_configs() if "site-packages" not in config.path]
FOLDERS = [PROJECT / "templates", *(app / "templates" for app in APPS)]
TEMPLATES = {
    str(path.relative_to(folder)): path.read_text() for folder in FOLDERS for path in sorted(folder.rglob("*.html"))
}
SOURCES = "\n".join(path.read_text() for app in APPS for path in app.rglob("*.py"))
STOCK = [Path(django.__file__).parent / "contrib/admin/templates", Path(import_export.__file__).parent / "templates"]
ERRORS = {"400.html", "403.html", "403_csrf.html", "404.html", "500.html"}

INCLUDED = re.compile(r'{% include "([^"]+)"')
EXTENDED = re.compile(r'{% extends "([^"]+)" %}')

templates = pytest.mark.parametrize("name", TEMPLATES)


def is_page(name: str) -> bool:
    """A whole document, or built upon one."""
    return "<!DOCTYPE" in TEMPLATES[name] or "{% extends " in TEMPLATES[name]


def is_stock(name: str) -> bool:
    """In the place of one that Django or import-export looks for under this name, for all models or for one."""
    general = re.sub(r"^admin/\w+/(\w+/)?", "admin/", name)
    return any((folder / one).exists() for folder in STOCK for one in (name, general))


@templates
def test_a_piece_of_a_page_begins_with_an_underscore_and_a_page_does_not(name: str) -> None:
    if not is_stock(name):
        assert Path(name).name.startswith("_") is not is_page(name)


@templates
def test_only_pieces_are_put_into_other_templates(name: str) -> None:
    included = [other for other in INCLUDED.findall(TEMPLATES[name]) if other in TEMPLATES]
    assert [other for other in included if is_page(other)] == []


@templates
def test_a_template_is_used_by_something(name: str) -> None:
    written = chain.from_iterable((*INCLUDED.findall(text), *EXTENDED.findall(text)) for text in TEMPLATES.values())
    stem = Path(name).stem  # `page(…, "send", …)` puts the rest of the name before it
    named_in_part = name.startswith(("admin/mailing/", "demo/")) and f'"{stem}"' in SOURCES
    assert is_stock(name) or name in ERRORS or name in written or f'"{name}"' in SOURCES or named_in_part


@templates
def test_what_a_template_builds_upon_is_there(name: str) -> None:
    named = (*INCLUDED.findall(TEMPLATES[name]), *EXTENDED.findall(TEMPLATES[name]))
    assert [other for other in named if other not in TEMPLATES and not is_stock(other)] == []
