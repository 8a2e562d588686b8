"""The furniture of every screen of ours: titles, buttons, cards, the empty list, counts-only deletion.

A ModelAdmin fills in the words; the templates `change_list.html`, `change_form.html` and `delete_*.html` show them.

- `list_title`, `add_label`: "Mailings", "New mailing". Russian needs whole words, "Add %s" cannot be declined.
- `change_title`: heading of the form with one %s for the object; empty: the object's own name.
- `get_list_buttons(request)`: above the list; the first is "New …" if the person may add.
- `get_cards(request, queryset)`: figures above the list, of the filtered rows.
- `get_buttons(request, obj)`, `get_object_cards(request, obj)`, `get_pill(request, obj)`,
  `get_notices(request, obj)`: on the page of one object.
- `empty_title`, `empty_text`, `get_empty_buttons(request)`: instead of an empty list.
- `deletion_labels`: words for the counts on the delete page, by model label.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.admin.models import DELETION
from django.contrib.admin.options import IS_POPUP_VAR
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from mailing.admin.common import deletion
from mailing.furniture import Button, Card, Notice
from mailing.services.access import audit_log

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin

Context = dict[str, Any]  # of a template
LOGGED_ONE_BY_ONE = 100  # deletions beyond that leave one line in the log instead of thousands


class SamovarModelAdmin(ModelAdmin):
    list_title: ClassVar[_StrOrPromise] = ""
    add_label: ClassVar[_StrOrPromise] = ""
    change_title: ClassVar[_StrOrPromise] = ""
    empty_title: ClassVar[_StrOrPromise] = _("Nothing here yet")
    empty_text: ClassVar[_StrOrPromise] = ""
    deletion_labels: ClassVar[dict[str, _StrOrPromise]] = {}

    empty_value_display = "—"
    list_per_page = 50
    list_max_show_all = 200
    show_facets = admin.ShowFacets.NEVER

    # --- what a screen may fill in -------------------------------------------------------------------

    def get_cards(self, request: HttpRequest, queryset: Any) -> list[Card]:
        """Figures above the list; `queryset` holds the rows of the current filter, of all pages."""
        return []

    def get_list_buttons(self, request: HttpRequest) -> list[Button]:
        return self.get_add_button(request)

    def get_add_button(self, request: HttpRequest) -> list[Button]:
        """The button "New …", for those who may add."""
        if not self.has_add_permission(request):
            return []
        return [Button(self.add_label or _("New"), self.url("add"), primary=True, icon="plus")]

    def get_empty_buttons(self, request: HttpRequest) -> list[Button]:
        """The next step when there are no rows at all."""
        return self.get_add_button(request)

    def get_buttons(self, request: HttpRequest, obj: Any) -> list[Button]:
        """What can be done with the object, beside saving it."""
        return []

    def get_object_cards(self, request: HttpRequest, obj: Any) -> list[Card]:
        return []

    def get_pill(self, request: HttpRequest, obj: Any) -> SafeString | str:
        """The state, beside the heading."""
        return ""

    def get_notices(self, request: HttpRequest, obj: Any) -> list[Notice]:
        """Sentences above the form: what the person must know before changing anything."""
        return []

    def get_change_title(self, request: HttpRequest, obj: Any) -> str:
        return str(self.change_title) % obj if self.change_title else str(obj)

    # --- how it reaches the page ---------------------------------------------------------------------

    def url(self, name: str, *args: Any) -> str:
        """Address of one of this model's own pages: `self.url("change", obj.pk)`."""
        return reverse(f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_{name}", args=args)

    def get_action_choices(self, request: HttpRequest, default_choices: Any = None) -> list[tuple[str, str]]:
        """Says what the box is for where Django shows dashes."""
        return super().get_action_choices(request, default_choices or [("", gettext("Choose an action"))])

    def changelist_view(self, request: HttpRequest, extra_context: Context | None = None) -> HttpResponse:
        words = {"title": self.list_title, "list_title": self.list_title} if self.list_title else {}
        response: HttpResponse = super().changelist_view(request, words | (extra_context or {}))
        context = getattr(response, "context_data", None)
        if isinstance(response, TemplateResponse) and context and "cl" in context:
            context |= self._furnish_list(request, context["cl"], popup=IS_POPUP_VAR in request.GET) | context
        return response

    def _furnish_list(self, request: HttpRequest, cl: Any, *, popup: bool) -> Context:
        empty = not cl.result_count and not cl.query and not cl.has_active_filters
        return {
            "is_empty": empty,
            "cards": [] if popup or empty else self.get_cards(request, cl.queryset),
            "list_buttons": [] if empty else self.get_list_buttons(request),
            "empty_title": self.empty_title,
            "empty_text": self.empty_text,
            "empty_buttons": self.get_empty_buttons(request) if empty else [],
        }

    def render_change_form(  # noqa: PLR0917 (Django's own signature)
        self,
        request: HttpRequest,
        context: Context,
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        context["list_title"] = self.list_title
        if obj is None or add:
            context |= {"title": self.add_label or context["title"], "subtitle": None}
        else:
            context |= self._furnish_object(request, obj)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def _furnish_object(self, request: HttpRequest, obj: Any) -> Context:
        return {
            "title": self.get_change_title(request, obj),
            "subtitle": None,
            "title_pill": self.get_pill(request, obj),
            "cards": self.get_object_cards(request, obj),
            "notices": self.get_notices(request, obj),
            "object_buttons": [*self.get_buttons(request, obj), *self.get_history_button(obj)],
        }

    def get_history_button(self, obj: Any) -> list[Button]:
        return [Button(_("History"), self.url("history", obj.pk), icon="history", more=True)]

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Context | None = None) -> HttpResponse:
        return super().delete_view(request, object_id, {"list_title": self.list_title} | (extra_context or {}))

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Context | None = None
    ) -> HttpResponse:
        return super().history_view(request, object_id, {"list_title": self.list_title} | (extra_context or {}))

    # --- deletion ------------------------------------------------------------------------------------

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[list[Any], dict[str, int], set[str], Any]:
        """Counts, no listing; and no permission needed for read-only related rows, or nobody could delete."""
        numbers = deletion.counts(objs, self.model, self.deletion_labels)
        return [], numbers, set(), deletion.protectors(objs, self.model, self.admin_site)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        number = len(queryset) if isinstance(queryset, list) else queryset.count()  # the delete page gives a list
        if number <= LOGGED_ONE_BY_ONE:
            return super().log_deletions(request, queryset)
        words = ngettext("%(n)s object deleted", "%(n)s objects deleted", number) % {"n": number}
        # Only somebody logged in deletes.
        return audit_log.record_many(self.model, request.user, DELETION, words)  # type: ignore[arg-type]


class Unchangeable:
    """Rows that nobody adds, changes or deletes, for a screen or an inline."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class SuperuserReadOnly(Unchangeable, SamovarModelAdmin):
    """A screen of the packages around us: superusers look, nobody changes."""

    actions: Any = None

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)
