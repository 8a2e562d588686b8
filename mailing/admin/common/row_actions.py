"""What can be done with the ticked rows of a list: each action of a ModelAdmin is a button, not a line of a box.

`@pictured` beside `@admin.action` says how its button looks. The buttons stand in the order of `actions`; of many
the first three are shown and the others folded, and what cannot be undone stands apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from mailing.furniture import RowAction

MOST, SHOWN = 5, 3  # buttons in a row; those that stay when there are more

Action = TypeVar("Action", bound=Callable[..., Any])


class Look(NamedTuple):
    icon: str = ""
    danger: bool = False


_LOOKS: dict[Callable[..., Any], Look] = {}


@dataclass(frozen=True)
class ActionBar:
    shown: Sequence[RowAction]
    folded: Sequence[RowAction]
    dangerous: Sequence[RowAction]


def pictured(icon: str, *, danger: bool = False) -> Callable[[Action], Action]:
    """Marks an action with its icon of the sprite; `danger`: what it does cannot be undone."""

    def marked(action: Action) -> Action:
        _LOOKS[action] = Look(icon, danger)
        return action

    return marked


def look_of(action: Callable[..., Any]) -> Look:
    return _LOOKS.get(action, Look())


def arranged(actions: Iterable[RowAction]) -> ActionBar:
    every = list(actions)
    calm = [action for action in every if not action.danger]
    kept = SHOWN if len(every) > MOST else MOST
    return ActionBar(calm[:kept], calm[kept:], [action for action in every if action.danger])
