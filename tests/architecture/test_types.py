"""What is handed over has a type: parameters, and what rows, requests and querysets carry."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import PROJECT

MOST_ANY = 0.02  # of all parameters
DOORS = ("mailing/admin", "mailing/forms", "mailing/templatetags", "backoffice")
# What a door may set on what is not its own: columns of a row, how a form control looks, what a paginator looks for,
# what the middleware of axes asks, what a form is told of the person before it; what Django's requests and answers
# are made to be told, and ours asks of a view.
SETTABLE = {
    *("pk", "created_by"),
    *("choices", "disabled", "help_text", "label", "placeholder", "required", "widget"),
    *("can_add_related", "can_delete_related", "may_send", "everyone_label"),
    *("links", "term", "wanted"),
    *("axes_locked_out", "axes_credentials"),
    *("by", "kept", "queryset"),
    *("status_code", "upload_handlers", "takes_file"),
}


def trees(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    for folder in folders:
        for path in sorted((PROJECT / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path.relative_to(PROJECT), ast.parse(path.read_text())


def parameters(tree: ast.Module) -> Iterator[ast.arg]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            given = node.args
            stars = [star for star in (given.vararg, given.kwarg) if star]
            yield from (
                one
                for one in (*given.posonlyargs, *given.args, *given.kwonlyargs, *stars)
                if one.arg not in {"self", "cls"}
            )


def is_own(base: ast.expr) -> bool:
    return isinstance(base, ast.Name) and base.id in {"self", "cls"}


def hung(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Attributes that are set on anything but the object itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and not is_own(node.value):
            yield node.lineno, node.attr
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setattr":
            yield node.lineno, ast.unparse(node)


def is_plain_any(annotation: ast.expr | None) -> bool:
    return isinstance(annotation, ast.Name) and annotation.id == "Any"


def test_hardly_a_parameter_is_plain_any() -> None:
    found = [(path, one) for path, tree in trees("mailing", "backoffice") for one in parameters(tree)]
    plain = [f"{path}:{one.lineno} {one.arg}" for path, one in found if is_plain_any(one.annotation)]
    listed = "\n".join(plain)
    assert len(plain) < MOST_ANY * len(found), f"{len(plain)} of {len(found)} parameters are plain Any:\n{listed}"


def test_no_door_hangs_an_attribute_on_somebody_elses_object() -> None:
    """A value of a request belongs into its ChangeList, its ChangePage or a dataclass."""
    found = [(str(path), *where) for path, tree in trees(*DOORS) for where in hung(tree)]
    assert [where for where in found if where[2] not in SETTABLE] == []


@pytest.mark.parametrize(
    "line",
    [
        "request.totals = 1",
        "for row in rows: row.stopped = True",
        "obj.sending, obj.to_whom = 1, 2",
        "setattr(obj, 'summary', 1)",
    ],
)
def test_a_planted_attribute_is_caught(line: str) -> None:
    assert not {name for _line, name in hung(ast.parse(line))} <= SETTABLE
