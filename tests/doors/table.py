"""Who may do what, door by door. The roles: S superuser, M Manager, E Editor, V Viewer, N staff without a group,
A anonymous. Whoever is not named gets 403; an anonymous one is sent to the login page.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.urls import reverse

EVERYBODY, STAFF, LOOKERS, PREPARERS, SENDERS, ROOT = "SMEVNA", "SMEVN", "SMEV", "SME", "SM", "S"


@dataclass(frozen=True)
class Door:
    """`args` and the values of `data` are filled from the ids of the world. `changes`: something is stored."""

    name: str
    may: str
    args: tuple[str, ...] = ()
    method: str = "GET"
    data: dict[str, Any] = field(default_factory=dict)
    answers: tuple[int, ...] = (200,)
    changes: bool = False
    note: str = ""

    def __str__(self) -> str:
        return " ".join(
            part for part in (self.method, self.name.split(":")[-1], self.note or ",".join(self.args)) if part
        )

    def address(self, ids: dict[str, Any]) -> str:
        return reverse(self.name, args=[ids.get(argument, argument) for argument in self.args])

    def form(self, ids: dict[str, Any]) -> dict[str, Any]:
        values = {name: value() if callable(value) else value for name, value in self.data.items()}
        return {name: value.format(**ids) if isinstance(value, str) else value for name, value in values.items()}


def post(name: str, may: str, *args: str, answers: tuple[int, ...] = (302,), note: str = "", **data: Any) -> Door:
    """A POST that stores something for those who may."""
    return Door(name, may, args, "POST", data, answers, changes=True, note=note)
