"""The tags and filters of our templates. How things look is said in `mailing.formatting`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import template

from mailing import formatting
from mailing.furniture import Button, Card

register = template.Library()

_FILTERS = (formatting.num, formatting.percent, formatting.when, formatting.duration)
for _filter in (*_FILTERS, formatting.person, formatting.nested):
    register.filter(_filter)
for _tag in (formatting.pill, formatting.icon, formatting.progress):
    register.simple_tag(_tag)


@register.inclusion_tag("admin/includes/_cards.html")
def cards(items: Sequence[Card]) -> dict[str, Any]:
    """A row of figures."""
    return {"cards": items}


@register.inclusion_tag("admin/includes/_button.html", takes_context=True)
def button(context: template.Context, item: Button) -> dict[str, Any]:
    """One button: a link, or for method "post" a form of its own with its hidden fields."""
    return {"button": item, "csrf_token": context.get("csrf_token"), "in_menu": False}


@register.inclusion_tag("admin/includes/_buttons.html", takes_context=True)
def buttons(context: template.Context, items: Sequence[Button]) -> dict[str, Any]:
    """The buttons of a page: those marked `more` are folded into a menu at the end, unless there is only one."""
    shown = [item for item in items if not item.more]
    folded = [item for item in items if item.more]
    if len(folded) == 1:
        shown, folded = shown + folded, []
    return {"shown": shown, "folded": folded, "csrf_token": context.get("csrf_token")}
