"""What stands on a page beside its table or form: buttons, cards, notices. Screens make them, templates show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from django.utils.functional import Promise
from django.utils.safestring import SafeString

from mailing.formatting import Tone

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

    Words = _StrOrPromise
else:
    Words = str | Promise


@dataclass(frozen=True)
class Button:
    """Something to press: a link, or with the method "post" a small form that carries its `hidden` fields along.

    `primary` is the one thing to do on the page, `danger` takes something away for good; `more` folds the button
    into the menu at the end of its row. `icon` is a name of the sprite (backoffice/icons.svg).
    """

    label: Words
    url: str
    method: Literal["get", "post"] = "get"
    primary: bool = False
    danger: bool = False
    icon: str = ""
    hidden: Mapping[str, str] = field(default_factory=dict)
    more: bool = False


@dataclass(frozen=True)
class RowAction:
    """What can be done with ticked rows, as a button; `danger` stands apart from the others."""

    name: str
    label: Words
    icon: str = ""
    danger: bool = False


@dataclass(frozen=True)
class Card:
    """A figure: a number, shown in groups of three, or a text; with an address the whole card is a link there.

    `term` is the key of a word (`guide.terms`) that is explained beside it.
    """

    label: Words
    value: object
    note: Words = ""
    tone: Tone = ""
    url: str = ""
    term: str = ""


@dataclass(frozen=True)
class Notice:
    """A sentence the person must know before doing anything; `label` is the text of a link to `url`."""

    text: Words
    tone: Tone = ""
    url: str = ""
    label: Words = ""


@dataclass(frozen=True)
class ChangePage:
    """What stands around the form of one object, gathered once for a request: heading, state, figures, what to do.

    `context`: what else the page's own template shows, by the names it uses.
    """

    title: str
    pill: SafeString | str = ""
    term: str = ""  # the key of the pill's word in `guide.terms`
    cards: Sequence[Card] = ()
    notices: Sequence[Notice] = ()
    buttons: Sequence[Button] = ()
    context: Mapping[str, object] = field(default_factory=dict)
