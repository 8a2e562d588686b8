"""A text that would become part of a page wherever it is not escaped, and its place in every stored field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db.models import CharField, Field, JSONField, Model, TextField
from lxml import html as lxml_html

MARK = "xss-a"
PAYLOAD = f"'\"><{MARK} onxss=1>{{{{ 7|add:7 }}}}</script></textarea></title><{MARK}>"
SHORT = f"\"'><{MARK} onxss>"  # for columns that hold no more
APPS = ("mailing", "auth", "admin", "django_q", "axes")
# What no text of a person is, and what the product would not run without.
NOT_TEXTS = {"password", "session_key", "session_hash", "codename", "app_label", "model"}
OWN_WORDS = {"auth.Permission"}  # of Django, from the code


def models() -> Iterator[type[Model]]:
    for label in APPS:
        yield from (model for model in apps.get_app_config(label).get_models() if model._meta.label not in OWN_WORDS)


def is_text(field: Field[Any, Any]) -> bool:
    return (
        isinstance(field, CharField | TextField)
        and not (field.choices or field.primary_key or field.is_relation)
        and field.name not in NOT_TEXTS
    )


def poison(model: type[Model]) -> list[str]:
    """The fields of all rows of the model that hold the payload now."""
    done = []
    for field in model._meta.concrete_fields:
        if is_text(field):
            for pk in model._base_manager.values_list("pk", flat=True):
                model._base_manager.filter(pk=pk).update(**{field.name: _fitting(field, pk)})
            done.append(field.name)
        elif isinstance(field, JSONField):
            for row in model._base_manager.all():
                value = _replaced(getattr(row, field.name))
                model._base_manager.filter(pk=row.pk).update(**{field.name: value})
            done.append(field.name)
    return done


def _fitting(field: Field[Any, Any], pk: object) -> str:
    unique = str(pk) if field.unique else ""
    most = field.max_length or 10_000
    return f"{PAYLOAD if len(PAYLOAD + unique) <= most else SHORT}{unique}"[:most]


def _replaced(value: Any) -> Any:
    """The same value with the payload for each text in it that is none of our own words."""
    if isinstance(value, dict):
        kept = {"status", "reason"}
        return {name: each if name in kept else _replaced(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_replaced(each) for each in value]
    return PAYLOAD if isinstance(value, str) else value


def breaks_out(page: str) -> list[str]:
    """What of the page is made by the payload."""
    tree = lxml_html.fromstring(page)
    found = [f"element <{each.tag}>" for each in tree.iter(MARK)]
    found += [f"attribute of <{each.tag}>" for each in tree.xpath("//*[@onxss]")]
    found += [f"inside <{each.tag}>" for each in tree.iter("script", "style") if MARK in (each.text or "")]
    found += [
        f"link {link[:60]}" for link in tree.xpath("//@href | //@src") if link.lower().startswith("javascript:")
    ]
    return found + (["as written"] if f"<{MARK}" in page else [])
