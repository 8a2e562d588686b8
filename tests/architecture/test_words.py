"""Every word for people goes through the catalogue: nothing is written into a template or a module directly."""

from __future__ import annotations

import ast
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.architecture.files import below, there
from tests.processes import PROJECT

TEMPLATES = below("templates", "mailing", kinds={".html"})
MODULES = below("mailing", "backoffice", kinds={".py"})
# The same in every language, or data: the invented company, the headings of people's own tables, a keyboard.
SAME_EVERYWHERE = {"Samovar", "HTML", "CSV", "XLSX", "Message-ID", "healthz", "ru", "en"}
RUSSIAN_ON_PURPOSE = [
    there(path)
    for path in (
        *(f"mailing/demo/{name}.py" for name in ("history", "letters", "people", "seeding")),
        "mailing/tables/columns.py",
        "mailing/field_names.py",
        "mailing/layouts.py",
    )
]
SPOKEN_ATTRIBUTES = {"title", "alt", "placeholder", "aria-label"}

_NOT_SHOWN = (
    r"{#.*?#}",
    r"{%\s*comment.*?endcomment\s*%}",
    r"{%\s*block bodyclass.*?endblock\s*%}",
    r"{%\s*blocktrans(?:late)?\b.*?endblocktrans(?:late)?\s*%}",
)
BLOCKS = re.compile("|".join(_NOT_SHOWN), re.DOTALL)
TAGS = re.compile(r"{%.*?%}|{{.*?}}", re.DOTALL)
WORD = re.compile(r"[A-Za-zА-Яа-яЁё][A-Za-zА-Яа-яЁё-]+")


class Words(HTMLParser):
    """What a reader would see or hear."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silent += tag in {"script", "style", "code", "kbd"}
        self.found += [value for name, value in attrs if name in SPOKEN_ATTRIBUTES and value]

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in {"script", "style", "code", "kbd"}

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.found.append(data)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_a_template_says_nothing_without_the_catalogue(path: Path) -> None:
    reader = Words()
    reader.feed(TAGS.sub(" ", BLOCKS.sub(" ", path.read_text())))
    words = {word for text in reader.found for word in WORD.findall(text)}
    assert words - SAME_EVERYWHERE == set()


def test_no_module_speaks_russian_itself() -> None:
    mute = [path for path in MODULES if not {path, *path.parents} & set(RUSSIAN_ON_PURPOSE)]
    assert [f"{path.relative_to(PROJECT)}: {text!r}" for path in mute for text in russian_texts(path)] == []


def russian_texts(path: Path) -> list[str]:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    documentation = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    texts = [node for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [node.value for node in texts if id(node) not in documentation and re.search("[А-Яа-яЁё]{2}", node.value)]


def test_a_list_that_names_what_is_gone_is_told() -> None:
    with pytest.raises(FileNotFoundError, match="mailing/nowhere is not there any more"):
        there("mailing/nowhere")
