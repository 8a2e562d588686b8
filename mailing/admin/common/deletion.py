"""What a deletion takes along, as counts.

Django lists every related object on the confirmation page: for a mailing with 50 000 recipients that was
50 006 queries, 15 s and 5.7 MB of HTML. People need the numbers; each costs one query here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected as stock_delete_selected
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models.deletion import CASCADE, PROTECT, get_candidate_relations_to_delete
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from mailing.admin.common.row_actions import pictured
from mailing.formatting import num

if TYPE_CHECKING:
    Screen = admin.ModelAdmin[Any]

LISTED_PROTECTORS = 10
DEPTH = 3  # mailing -> attempts -> deliveries is the deepest there is

Objects = Sequence[Any] | models.QuerySet[Any]  # the delete view passes a list of one object


def counts(objs: Objects, model: type[models.Model], labels: Mapping[str, Any]) -> dict[str, int]:
    """Numbers of everything deleted with the objects (and of these, unless it is the one named on the page).

    The rows of many-to-many tables count only under a label of their own (`labels["mailing.Mailing_clients"]`).
    """
    found = {_words(model, labels): objs.count()} if isinstance(objs, models.QuerySet) else {}
    for related, path in _cascades(model, DEPTH):
        words = labels.get(related._meta.label) if related._meta.auto_created else _words(related, labels)
        if words is None:
            continue
        rows = related._base_manager.filter(**{f"{path}__in": objs}).count()
        if rows:
            found[str(words)] = found.get(str(words), 0) + rows
    return found


def number(objs: Objects) -> int:
    return objs.count() if isinstance(objs, models.QuerySet) else len(objs)


def protectors(objs: Objects, model: type[models.Model], site: admin.AdminSite) -> list[Any]:
    """The objects that forbid the deletion (on_delete=PROTECT), the first ten as links."""
    found: list[Any] = []
    for relation in _relations(model):
        if relation.on_delete is not PROTECT:
            continue
        rows = relation.related_model._base_manager.filter(**{f"{relation.field.name}__in": objs})
        found += [_link(row, site) for row in rows[:LISTED_PROTECTORS]]
        rest = rows.count() - LISTED_PROTECTORS
        if rest > 0:
            found.append(ngettext("and %(n)s more", "and %(n)s more", rest) % {"n": rest})
    return found


def _cascades(model: type[models.Model], depth: int, path: str = "") -> Iterator[tuple[type[models.Model], str]]:
    for relation in _relations(model) if depth else []:
        is_ours_alone = relation.hidden and not relation.related_model._meta.auto_created  # no news for people
        if relation.on_delete is CASCADE and not is_ours_alone:
            step = f"{relation.field.name}__{path}" if path else relation.field.name
            yield relation.related_model, step
            yield from _cascades(relation.related_model, depth - 1, step)


def _relations(model: type[models.Model]) -> list[Any]:
    """Foreign keys that point at the model, those of its many-to-many tables included."""
    return list(get_candidate_relations_to_delete(model._meta))


def _words(model: type[models.Model], labels: Mapping[str, Any]) -> str:
    return str(labels.get(model._meta.label, model._meta.verbose_name_plural))


def _link(row: models.Model, site: admin.AdminSite) -> Any:
    try:
        url = reverse(f"{site.name}:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    except NoReverseMatch:
        return str(row)
    return format_html('<a href="{}">{}</a>', url, row)


@pictured("trash", danger=True)
@admin.action(permissions=["delete"], description=_("Delete…"))
def delete_selected(modeladmin: Screen, request: HttpRequest, queryset: models.QuerySet[Any]) -> HttpResponse | None:
    """Django's action, but the confirmed deletion never loads the rows: they may be 100 000."""
    if not request.POST.get("post"):
        return stock_delete_selected(modeladmin, request, queryset)
    _found, _counts, perms_needed, protected = modeladmin.get_deleted_objects(queryset, request)
    if protected:
        return stock_delete_selected(modeladmin, request, queryset)
    if perms_needed:
        raise PermissionDenied
    number = queryset.count()
    if number:
        modeladmin.log_deletions(request, queryset)
        modeladmin.delete_queryset(request, queryset)
        said = ngettext("%(n)s row deleted.", "%(n)s rows deleted.", number)
        modeladmin.message_user(request, said % {"n": num(number)}, messages.SUCCESS)
    return None
