"""The common base of our screens: titles, buttons, figures, the empty list, pages of one's own, counts-only deletion.

A screen is one class that stands on `SamovarModelAdmin`; where it is large, its parts are mixins beside each other,
each of which knows this base and no other mixin. The words are class attributes, the rest is asked for:

- the list: `changelist` (its figures and the columns that need the whole page), `get_list_buttons`, and
  `get_empty_buttons` for when there is nothing in it;
- the page of one object: `get_change_page` for what stands around the form, `get_form_context` for what its template
  shows of a new one as well;
- more pages of an object or of all: `get_pages`.

The templates `change_list.html`, `change_form.html` and `delete_*.html` show them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import DELETION
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from mailing import unchecked
from mailing.admin.common import deletion, parameters
from mailing.admin.common.lists import Column, SamovarList
from mailing.admin.common.pages import View, forbidding, user_of
from mailing.admin.common.row_actions import ActionBar, arranged, look_of
from mailing.errors import NotAllowed, NotUnderstood, Refused
from mailing.furniture import Button, ChangePage, RowAction, Words
from mailing.services.access import audit_log

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin
else:

    class ModelAdmin(admin.ModelAdmin):
        """`ModelAdmin[Client]` is for type checkers: at run time Django's class takes no parameter."""

        def __class_getitem__(cls, row: object) -> type[ModelAdmin]:
            return cls


Row = TypeVar("Row", bound=Model)
Result = TypeVar("Result")
Context = dict[str, Any]  # of a template

LOGGED_ONE_BY_ONE = 100  # deletions beyond that leave one line in the log instead of thousands


class SamovarModelAdmin(ModelAdmin[Row]):
    """`list_title` and `add_label` are whole words ("Mailings", "New mailing"): Russian cannot decline "Add %s".

    `empty_text` says what belongs into the empty list and what to do first, `empty_text_for_lookers` who does that,
    to somebody who is offered no button.
    `list_terms`, `form_terms`: words that are explained under the list and the form, by their keys in `guide.terms`.
    `deletion_labels`: words for the counts on the delete page, by model label.
    """

    list_title: ClassVar[Words] = ""
    add_label: ClassVar[Words] = ""
    empty_title: ClassVar[Words] = _("Nothing here yet")
    empty_text: ClassVar[Words] = ""
    empty_text_for_lookers: ClassVar[Words] = ""
    list_terms: ClassVar[Sequence[str]] = ()
    form_terms: ClassVar[Sequence[str]] = ()
    deletion_labels: ClassVar[dict[str, Words]] = {}
    has_history: ClassVar[bool] = True

    changelist: ClassVar[type[SamovarList]] = SamovarList
    link_parameters: ClassVar[Sequence[str]] = ()  # ids by which our own links narrow the list, beside its filters
    list_display: Sequence[Column]  # type: ignore[assignment]  # the stubs do not know columns of the list itself
    empty_value_display = "—"
    list_per_page = 50
    list_max_show_all = 200
    show_facets = admin.ShowFacets.NEVER

    # --- the list ------------------------------------------------------------------------------------

    def get_list_buttons(self, request: HttpRequest) -> list[Button]:
        """Above the list; the first is "New …" if the person may add."""
        return self.get_add_button(request)

    def get_add_button(self, request: HttpRequest) -> list[Button]:
        """The button "New …", for those who may add."""
        if not self.has_add_permission(request):
            return []
        return [Button(self.add_label or _("New"), self.url("add"), primary=True, icon="plus")]

    def get_empty_buttons(self, request: HttpRequest) -> list[Button]:
        """The next step when there are no rows at all."""
        return self.get_add_button(request)

    def get_changelist(self, request: HttpRequest, **kwargs: object) -> type[ChangeList]:
        """Whoever shows these rows asks here first: the list, its files, its reports."""
        parameters.require_known(self, request, [*self.link_parameters, *self.changelist.page_parameters])
        return self.changelist

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Django's own answer lets anybody compare any column with any regular expression."""
        return lookup in self.link_parameters or lookup in parameters.filter_names(self, request)

    def get_action_bar(self, request: HttpRequest) -> ActionBar:
        """A button for each action this person may take, in the order of `actions`."""
        words = dict(self.get_action_choices(request, []))
        actions = [action for action in self.get_actions(request).values() if action]
        return arranged(RowAction(name, words[name], *look_of(action)) for action, name, _words in actions)

    def response_action(  # type: ignore[override]  # the stubs are of a later Django
        self, request: HttpRequest, queryset: QuerySet[Row]
    ) -> HttpResponse | None:
        """Rows are chosen by their numbers, and Django believes whatever is sent for one."""
        chosen = [(ACTION_CHECKBOX_NAME, pk) for pk in request.POST.getlist(ACTION_CHECKBOX_NAME)]
        wrong = [pair for pair in chosen if unchecked.number(pair[1]) is None]
        if wrong:
            raise NotUnderstood(wrong)
        return super().response_action(request, queryset)

    def changelist_view(self, request: HttpRequest, extra_context: Context | None = None) -> HttpResponse:
        words = {"title": self.list_title, "list_title": self.list_title} if self.list_title else {}
        try:
            response: HttpResponse = super().changelist_view(request, words | (extra_context or {}))
        except NotUnderstood as refusal:
            return self._without(request, refusal)
        context = getattr(response, "context_data", None)
        if isinstance(response, TemplateResponse) and context and "cl" in context:
            context |= self._furnish_list(request, context["cl"], popup=IS_POPUP_VAR in request.GET) | context
        return response

    def _without(self, request: HttpRequest, refusal: NotUnderstood) -> HttpResponseRedirect:
        """The list without what was not understood, and a line that says so; nobody acts on rows they did not see."""
        if request.method != "GET":
            raise refusal
        rest = request.GET.copy()
        for name, _value in refusal.pairs:
            del rest[name]
        said = gettext("Not understood and ignored: %(what)s. The list below is not narrowed by it.")
        messages.warning(request, said % refusal.params)
        return HttpResponseRedirect(f"{request.path}?{rest.urlencode()}" if rest else request.path)

    def _furnish_list(self, request: HttpRequest, cl: SamovarList, *, popup: bool) -> Context:
        narrowed = cl.query or cl.has_active_filters or any(name in cl.params for name in self.link_parameters)
        empty = not cl.result_count and not narrowed
        steps = self.get_empty_buttons(request) if empty else []
        return {
            "is_empty": empty,
            "cards": [] if popup or empty else cl.cards(request),
            "list_buttons": [] if empty else self.get_list_buttons(request),
            "action_bar": None if popup or empty else self.get_action_bar(request),
            "empty_title": self.empty_title,
            "empty_text": self.empty_text if steps else self.empty_text_for_lookers or self.empty_text,
            "empty_buttons": steps,
        }

    # --- the page of one object ----------------------------------------------------------------------

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """No link of ours fills in a form, and what stands in a stranger's link nobody has checked."""
        return {}

    def get_change_page(self, request: HttpRequest, obj: Row) -> ChangePage:
        """What stands around the form of a stored object."""
        return ChangePage(str(obj))

    def get_form_context(self, request: HttpRequest, form: ModelForm[Row], obj: Row | None) -> Context:
        """What the template of the form shows beside it; `obj` is None for a new one."""
        return {}

    def render_change_form(  # noqa: PLR0917 (Django's own signature)
        self,
        request: HttpRequest,
        context: Context,
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Row | None = None,
    ) -> HttpResponse:
        context |= {"list_title": self.list_title, "subtitle": None, "form_terms": self.form_terms}
        if obj is None or add:
            context["title"] = self.add_label or context["title"]
        else:
            context |= self._furnish_form(self.get_change_page(request, obj), obj)
        context |= self.get_form_context(request, context["adminform"].form, None if add else obj)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def _furnish_form(self, page: ChangePage, obj: Row) -> Context:
        history = Button(_("History"), self.url("history", obj.pk), icon="history", more=True)
        return {
            "title": page.title,
            "title_pill": page.pill,
            "title_term": page.term,
            "cards": page.cards,
            "notices": page.notices,
            "object_buttons": [*page.buttons, history] if self.has_history else page.buttons,
            **page.context,
        }

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Context | None = None) -> HttpResponse:
        return super().delete_view(request, object_id, {"list_title": self.list_title} | (extra_context or {}))

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Context | None = None
    ) -> HttpResponse:
        return super().history_view(request, object_id, {"list_title": self.list_title} | (extra_context or {}))

    # --- more pages ----------------------------------------------------------------------------------

    def get_pages(self) -> list[tuple[str, View]]:
        """(address below the model's own, view); "<int:pk>/send/" is reversed as `self.url("send", pk)`."""
        return []

    def get_urls(self) -> list[URLPattern]:
        ours = [
            path(route, self.admin_site.admin_view(forbidding(view)), name=self._page_name(route))
            for route, view in self.get_pages()
        ]
        return [*ours, *super().get_urls()]

    def _page_name(self, route: str) -> str:
        name = route.rstrip("/").rsplit("/", 1)[-1]
        return f"{self.opts.app_label}_{self.opts.model_name}_{name}"

    def url(self, name: str, *args: object) -> str:
        """Address of one of this model's own pages: `self.url("change", obj.pk)`."""
        return reverse(f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_{name}", args=args)

    def find(self, request: HttpRequest, pk: int) -> Row:
        """The object, for somebody who may look at it."""
        obj = self.get_object(request, str(pk))
        if obj is None:
            raise Http404
        if not self.has_view_permission(request, obj):
            raise PermissionDenied
        return obj

    def require_add(self, request: HttpRequest) -> None:
        if not self.has_add_permission(request):
            raise PermissionDenied

    def perform(
        self, request: HttpRequest, act: Callable[[], Result], *, said: str | Callable[[Result], str], back: str
    ) -> HttpResponseRedirect:
        """Calls a service; says what was done, or the sentence of the refusal, on the page `back`."""
        try:
            result = act()
        except NotAllowed:
            raise
        except Refused as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, said if isinstance(said, str) else said(result))
        return HttpResponseRedirect(back)

    def page(
        self, request: HttpRequest, obj: Row, name: str, title: str, context: Context, *, status: int = 200
    ) -> TemplateResponse:
        """A page of the object in the shell of the admin, from templates/admin/mailing/<model>/<name>.html."""
        template = f"admin/{self.opts.app_label}/{self.opts.model_name}/{name}.html"
        around = self.shell(request, title) | {"original": obj, "back": self.url("change", obj.pk)}
        return TemplateResponse(request, template, around | context, status=status)

    def shell(self, request: HttpRequest, title: str) -> Context:
        """What the templates around a page of this screen ask for."""
        words = {"opts": self.opts, "list_title": self.list_title, "title": title}
        return self.admin_site.each_context(request) | words

    # --- deletion ------------------------------------------------------------------------------------

    def get_deleted_objects(
        self, objs: Sequence[Row] | QuerySet[Row], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Counts, no listing; and no permission needed for read-only related rows, or nobody could delete."""
        numbers = deletion.counts(objs, self.model, self.deletion_labels)
        return [], numbers, set(), deletion.protectors(objs, self.model, self.admin_site)

    def log_deletions(self, request: HttpRequest, queryset: Sequence[Row] | QuerySet[Row]) -> Any:
        number = deletion.number(queryset)
        if number <= LOGGED_ONE_BY_ONE:
            return super().log_deletions(request, queryset)  # type: ignore[arg-type]  # Django passes lists as well
        words = ngettext("%(n)s object deleted", "%(n)s objects deleted", number) % {"n": number}
        audit_log.record_many(self.model, user_of(request), DELETION, words)
        return None


class Unchangeable:
    """Rows that nobody adds, changes or deletes, for a screen or an inline."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class SuperuserReadOnly(Unchangeable, SamovarModelAdmin[Row]):
    """A screen of the packages around us: superusers look, nobody changes."""

    actions: Any = None

    def has_view_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)
