"""A room shows what its `__all__` names; what else is in it, nobody outside imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import PROJECT

HOUSES = ("services", "delivery")


def rooms(root: Path) -> dict[str, set[str]]:
    """Each room by its dotted name, with what it shows."""
    folders = [folder for house in HOUSES for folder in (root / "mailing" / house).iterdir() if folder.is_dir()]
    return {
        f"mailing.{folder.parent.name}.{folder.name}": shown(folder / "__init__.py")
        for folder in folders
        if (folder / "__init__.py").exists()
    }


def shown(path: Path) -> set[str]:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            return set(ast.literal_eval(node.value))
    return set()


def intrusions(root: Path) -> Iterator[str]:
    """Imports from the outside of what a room does not show."""
    known = rooms(root)
    for path in sorted(file for top in ("mailing", "backoffice") for file in (root / top).rglob("*.py")):
        importer = ".".join(path.relative_to(root).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    wanted = f"{node.module}.{alias.name}"
                    room = next((name for name in known if wanted.startswith(f"{name}.")), None)
                    if room and not importer.startswith(f"{room}.") and wanted.split(".")[3] not in known[room]:
                        yield f"{importer} imports {wanted}"


def test_every_room_says_what_it_shows() -> None:
    assert [room for room, names in rooms(PROJECT).items() if not names] == []


def test_nobody_imports_what_a_room_does_not_show() -> None:
    assert list(intrusions(PROJECT)) == []


@pytest.mark.parametrize(
    "line", ["from mailing.services.runs import slice", "from mailing.delivery.smtp.session import Session"]
)
def test_a_planted_intrusion_is_caught(tmp_path: Path, line: str) -> None:
    for room in ("services/runs", "delivery/smtp"):
        face = tmp_path / "mailing" / room / "__init__.py"
        face.parent.mkdir(parents=True)
        face.write_text((PROJECT / "mailing" / room / "__init__.py").read_text())
    (tmp_path / "mailing" / "tasks.py").write_text(line)
    assert len(list(intrusions(tmp_path))) == 1
