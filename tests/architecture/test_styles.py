"""Style sheets: the table of contents is true, a colour is given once, and no rule is left of what is gone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import django
import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import flatten, flatten_fieldsets

from tests.processes import PROJECT

THEME = PROJECT / "backoffice/static/backoffice"
APPS = [Path(config.path) for config in apps.get_app_configs() if "site-packages" not in config.path]
SHEETS = sorted({path for app in APPS for path in app.rglob("static/**/*.css")})
OWN_COLOURS = {"tokens.css", "unsubscribe.css"}  # the latter is read by browsers of any age, and stands alone
WIDTH = 120

COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
SECTION = re.compile(r"/\* --- (.+?) -+ \*/")
SELECTOR = re.compile(r"([^{};]+)\{")
STYLED = re.compile(r"[.#]([A-Za-z][\w-]*)")
WORD = re.compile(r"[\w-]+")
BEGINNING = re.compile(r"(?<![\w-])([\w-]+[-_])[{\"'%$]")

sheets = pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.name)


def _text(folders: list[Path]) -> str:
    files = chain.from_iterable(folder.rglob("*") for folder in folders)
    return "\n".join(path.read_text() for path in files if path.suffix in {".html", ".py", ".js"})


@pytest.fixture(scope="module")
def ours() -> str:
    return _text([PROJECT / "templates", *APPS])


@pytest.fixture(scope="module")
def names(ours: str) -> Names:
    stock = Path(django.__file__).parent
    written = ours + _text([stock / folder for folder in ("contrib/admin", "contrib/auth", "forms")])
    return Names(set(WORD.findall(written)), set(BEGINNING.findall(written)))


@dataclass(frozen=True)
class Names:
    """What may stand on a page, by everything that writes one: our templates, Python and scripts, and Django's."""

    words: set[str]
    beginnings: set[str]  # of names put together there: `pill-{}`, `chart-at-{{ … }}`, `"select2-container--" + …`

    def has(self, name: str) -> bool:
        kind, _, rest = name.partition("-")
        if rest and kind in {"field", "column"}:
            return rest in _columns()
        if rest and kind == "model":
            return rest in {model._meta.model_name for model in apps.get_models()}
        return name in self.words or any(self._composed(*parts) for parts in _parts(name))

    def _composed(self, beginning: str, rest: str) -> bool:
        return beginning in self.beginnings and (rest.isdecimal() or rest in self.words)


def _parts(name: str) -> Iterator[tuple[str, str]]:
    return ((name[: mark.end()], name[mark.end() :]) for mark in re.finditer("[-_](?=[^-_])", name))


def _columns() -> set[str]:
    """What the screens show: `field-` and `column-` come before it."""
    found: set[str] = set()
    for screen in admin.site._registry.values():
        shown = flatten_fieldsets(screen.fieldsets) if screen.fieldsets else flatten(screen.fields or ())
        columns = [getattr(column, "__name__", column) for column in screen.list_display]
        found |= {str(name) for name in (*columns, *shown)}
    return found


def contents() -> dict[str, list[str]]:
    """The table at the head of the first sheet: file and sections."""
    table: dict[str, list[str]] = {}
    for line in COMMENT.findall((THEME / "tokens.css").read_text())[0].splitlines():
        named = re.match(r" {3}(\w+\.css)  +(.+)", line)
        more = re.match(r" {15}(.+)", line)
        if named:
            table[named[1]] = named[2].split(" · ")
        elif more:
            last = table[list(table)[-1]]
            last += more[1].split(" · ")
    return {name: [section.removesuffix(" ·") for section in sections] for name, sections in table.items()}


def test_the_table_of_contents_names_the_sheets_of_the_theme_and_their_sections() -> None:
    assert contents() == {name: SECTION.findall((THEME / name).read_text()) for name in contents()}
    assert set(contents()) == {path.name for path in THEME.glob("*.css")}


def test_the_sheets_are_linked_in_the_order_of_the_table() -> None:
    shell = (PROJECT / "templates/admin/base_site.html").read_text()
    assert re.findall(r"backoffice/(\w+\.css)", shell) == list(contents())


@sheets
def test_a_sheet_says_first_what_it_is_for_and_is_narrow_enough_to_read(path: Path) -> None:
    text = path.read_text()
    assert re.match(r"/\* [A-Z]", text)
    assert [line for line in text.splitlines() if len(line) > WIDTH] == []


@sheets
def test_a_sheet_is_linked_by_a_page(path: Path, ours: str) -> None:
    assert f"{path.parent.name}/{path.name}" in ours


@sheets
def test_a_colour_is_given_once_for_light_and_dark(path: Path) -> None:
    if path.name not in OWN_COLOURS:
        rules = COMMENT.sub("", path.read_text())
        assert re.findall(r"[:\s](?:#[0-9a-f]{3,8}\b|rgb\([^)]*\))(?=[^{}]*\})", rules) == []
        assert "prefers-color-scheme" not in rules


@sheets
def test_a_rule_is_about_something_a_page_may_carry(path: Path, names: Names) -> None:
    selectors = SELECTOR.findall(COMMENT.sub("", path.read_text()))
    styled = {name for selector in selectors if "@" not in selector for name in STYLED.findall(selector)}
    assert {name for name in styled if not names.has(name)} == set()
