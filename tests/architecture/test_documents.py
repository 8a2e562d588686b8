"""The documents are true where a test can tell: links, numbers, the map, the picture of the house, names."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from tests.architecture.files import below, there
from tests.processes import PROJECT

DECISIONS = PROJECT / "docs/decisions"
DOCUMENTS = sorted([*PROJECT.glob("*.md"), *below("docs", kinds={".md"})])
SECTIONS = ["Situation", "Options", "Choice", "What would change our mind"]

LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
CODE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
PATH = re.compile(r"`((?:mailing|backoffice|templates|tests|benchmarks|docs)/[\w./-]*)`")


def name_of(path: Path) -> str:
    return str(path.relative_to(PROJECT))


# --- Links ------------------------------------------------------------------------------------------


def anchors(document: Path) -> set[str]:
    """As GitHub makes them: lower case, punctuation dropped, blanks as dashes."""
    titles = HEADING.findall(CODE.sub("", document.read_text()))
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def broken_links(document: Path) -> Iterator[str]:
    for target in LINK.findall(document.read_text()):
        if target.startswith(("https://", "http://")):
            continue
        name, _, anchor = target.partition("#")
        found = (document.parent / name).resolve() if name else document
        if not found.exists() or (anchor and anchor not in anchors(found)):
            yield target


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_link_leads_somewhere(document: Path) -> None:
    assert list(broken_links(document)) == []


@pytest.mark.parametrize("link", ["gone/", "../gone", "README.md#gone", "#gone"])
def test_a_link_into_nothing_is_told(tmp_path: Path, link: str) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"# Over here\n\n[good](README.md#over-here) and [bad]({link})\n")
    assert list(broken_links(page)) == [link]


def test_the_readme_leads_to_every_document() -> None:
    """A decision by its index, a recipe for those who change the code by CONTRIBUTING."""
    reached = {PROJECT / "README.md", *decisions()}
    for index in ("README.md", "CONTRIBUTING.md"):
        reached |= {
            (PROJECT / target.partition("#")[0]).resolve() for target in LINK.findall(there(index).read_text())
        }
    assert [name_of(document) for document in DOCUMENTS if document not in reached] == []


# --- Decisions --------------------------------------------------------------------------------------


def decisions() -> list[Path]:
    return sorted(DECISIONS.glob("0*.md"))


def test_decisions_are_numbered_without_gaps() -> None:
    assert [path.name[:4] for path in decisions()] == [f"{n:04}" for n in range(1, len(decisions()) + 1)]


@pytest.mark.parametrize("path", decisions(), ids=name_of)
def test_a_decision_has_its_number_as_heading_and_the_same_sections(path: Path) -> None:
    text = path.read_text()
    assert re.match(r"# (\d{4}) · \S", text), "the heading is: # NNNN · Title"
    assert text[2:6] == path.name[:4]
    found = [word for word in re.findall(r"^\*\*([^*]+?)\.?\*\*", text, re.MULTILINE) if word in SECTIONS]
    assert found == SECTIONS


def test_the_index_lists_exactly_the_decisions() -> None:
    rows = re.findall(r"^\| \[(\d{4})\]\((\S+)\) \| (.+) \|$", (DECISIONS / "README.md").read_text(), re.MULTILINE)
    titles = [path.read_text().splitlines()[0].partition(" · ")[2] for path in decisions()]
    assert rows == [(path.name[:4], path.name, title) for path, title in zip(decisions(), titles, strict=True)]


def test_a_decision_that_is_cited_exists() -> None:
    numbers = {int(path.name[:4]) for path in decisions()}
    texts = {path: path.read_text() for path in below("mailing", "backoffice", "tests", "docs", kinds={".py", ".md"})}
    cited = ((path, int(n)) for path, text in texts.items() for n in re.findall(r"\bdecision (\d+)\b", text, re.I))
    assert [f"{name_of(path)}: decision {n}" for path, n in cited if n not in numbers] == []


# --- Names of the code ------------------------------------------------------------------------------


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_path_in_backticks_is_there(document: Path) -> None:
    assert [path for path in PATH.findall(document.read_text()) if not (PROJECT / path).exists()] == []


@cache
def defined(path: Path) -> frozenset[str]:
    """Classes, functions, attributes and parameters that a module gives a name."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return frozenset(names)


def glossary() -> Iterator[tuple[str, list[str], str]]:
    """Each word of the code: the word, names in backticks, the file they live in."""
    code = there("docs/reference/glossary.md").read_text().partition("## Words of the code")[2]
    for word, place in re.findall(r"^\| ([^|`]+) \| ([^|]*`[^|]+) \|", code, re.MULTILINE):
        *names, file = re.findall(r"`([^`]+)`", place)
        yield word.strip(), names, file


def test_every_word_of_the_code_is_found_where_the_glossary_says() -> None:
    words = list(glossary())
    assert len(words) > 40
    astray = [word for word, _names, file in words if not (PROJECT / file).exists()]
    astray += [f"{word}: {name}" for word, names, file in words for name in names if name not in defined(there(file))]
    assert astray == []


# --- The picture of the house -----------------------------------------------------------------------


def layers(container: str) -> list[set[str]]:
    """The rooms of a package from top to bottom, as the import contracts have them."""
    contracts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    found = next(one for one in contracts if one["type"] == "layers" and one["containers"] == [container])
    return [set(re.findall(r"\w+", layer)) for layer in found["layers"]]


def picture() -> list[str]:
    """The lines of CONTRIBUTING's picture."""
    return there("CONTRIBUTING.md").read_text().partition("```\nmailing/\n")[2].partition("```")[0].splitlines()


def rooms_of(line: str) -> list[str]:
    """What stands before the explanation."""
    return re.split(r" {3,}", line.strip())[0].split()


def test_the_picture_shows_every_room_in_the_order_of_imports() -> None:
    shown = [set(rooms_of(line)) for line in picture() if "│" not in line]
    assert shown == layers("mailing")


@pytest.mark.parametrize("room", ["services", "delivery", "admin"])
def test_the_picture_shows_the_rooms_inside_a_room(room: str) -> None:
    lines = picture()
    below_it = lines[next(n for n, line in enumerate(lines) if room in rooms_of(line)) + 1]
    inside = below_it.partition("│")[2].split("→")
    assert [set(group.split()) for group in inside] == layers(f"mailing.{room}")


# --- Commands ---------------------------------------------------------------------------------------

OURS = sorted(name for name, app in get_commands().items() if str(app).startswith("mailing"))
COMMON = {"--help", "--version", "--verbosity", "--settings", "--pythonpath", "--traceback", "--no-color"}
COMMON |= {"--force-color", "--skip-checks"}


def command_sections() -> dict[str, str]:
    parts = re.split(r"^### `(\w+)`$", there("docs/reference/commands.md").read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_command_has_a_section_and_nothing_else_has() -> None:
    assert sorted(command_sections()) == OURS


@pytest.mark.parametrize("name", OURS)
def test_every_option_of_a_command_is_explained_and_nothing_else_is(name: str) -> None:
    app = get_commands()[name]
    parser = load_command_class(str(app), name).create_parser("manage.py", name)
    options = {option for action in parser._actions for option in action.option_strings if option.startswith("--")}
    explained = set(re.findall(r"^\| `(--[\w-]+)` \|", command_sections()[name], re.MULTILINE))
    assert explained == options - COMMON
