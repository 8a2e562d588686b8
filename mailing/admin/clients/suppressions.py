"""The stop list: who is never written to, and why. Adding keeps letters from somebody; lifting sends them again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from mailing import addresses, unchecked
from mailing.admin.attempts.links import attempt_title
from mailing.admin.clients.actions import OWN_WISH
from mailing.admin.clients.import_preview import SHOWN_PROBLEMS
from mailing.admin.clients.resources import SuppressionResource
from mailing.admin.common import delivery_text, pills
from mailing.admin.common.base import Context, SamovarModelAdmin
from mailing.admin.common.export import StreamedExport
from mailing.admin.common.filters import DateRangeFilter, Screen
from mailing.admin.common.lists import SamovarList
from mailing.admin.common.pages import View, taking_file, undoable, user_of
from mailing.admin.common.row_actions import pictured
from mailing.choices import UndoKind
from mailing.errors import NotAllowed, Refused
from mailing.formatting import num, person, when
from mailing.forms.clients import SuppressionFileForm, SuppressionForm
from mailing.furniture import Button, Card, ChangePage, Notice
from mailing.models import Attempt, Suppression, light
from mailing.services.access import permissions, undos
from mailing.services.clients import bulk_suppression, suppression
from mailing.tables import apart

NOTE_SHOWN = 60


class AttemptFilter(admin.SimpleListFilter):
    """Only there while the list shows what one attempt put on it: the link comes from the attempt."""

    title = gettext_lazy("attempt")
    parameter_name = "attempt"

    def lookups(self, request: HttpRequest, model_admin: Screen) -> list[tuple[str, str]]:
        found = _attempt(self.value())
        return [(str(found.pk), str(found))] if found else []

    def has_output(self) -> bool:
        return bool(self.value())

    def understands(self, value: str) -> bool:
        return unchecked.number(value) is not None

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        pk = unchecked.number(self.value() or "")
        return None if pk is None else queryset.filter(attempt=pk)


def _attempt(given: str | None) -> Attempt | None:
    pk = unchecked.number(given or "")
    return None if pk is None else Attempt.objects.filter(pk=pk).first()


@dataclass(frozen=True)
class LiftAll:
    """Above the list of what one attempt put on it: the button that undoes it, while there is something to undo."""

    attempt: Attempt
    button: Button | None


class SuppressionList(SamovarList):
    def apply_select_related(self, qs: QuerySet[Any]) -> QuerySet[Any]:
        """The names of attempts and people; letters stay where they are."""
        return qs.select_related("attempt__mailing__message", "created_by").defer(*light.attempt("attempt"))


class SuppressionAdding(SamovarModelAdmin[Suppression]):
    """One address by the form, many from a file."""

    def get_pages(self) -> list[tuple[str, View]]:
        return [*super().get_pages(), ("file/", self.file_view)]

    def file_button(self, request: HttpRequest) -> list[Button]:
        if not self.has_add_permission(request):
            return []
        return [Button(_("Add from a file"), self.url("file"), icon="upload")]

    def save_model(self, request: HttpRequest, obj: Suppression, form: ModelForm[Suppression], change: bool) -> None:
        """An address that is there already keeps the weightier reason; it is no error to say it again."""
        if change:
            super().save_model(request, obj, form, change)
            return
        user = user_of(request)
        undo = undos.begin(UndoKind.STOP, by=user) if permissions.may_return_letters(user) else None
        entry = suppression.suppress(obj.email, obj.reason, note=obj.note, by=user, undo=undo)
        obj.pk = entry.pk
        if undo is not None:
            words = _("Letters to %(address)s are stopped.") % {"address": addresses.display(entry.email)}
            messages.success(request, undoable(request, words, undo))

    def log_addition(self, request: HttpRequest, obj: Suppression, message: object) -> Any:
        """The service has written the entry."""

    @taking_file("mailing.add_suppression")
    def file_view(self, request: HttpRequest) -> HttpResponse:
        """GET asks for a file of addresses; POST adds them and says what was left out."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = SuppressionFileForm(request.POST or None, request.FILES or None)
        report = None
        if request.method == "POST" and form.is_valid():
            file = form.cleaned_data["import_file"]
            try:
                report = bulk_suppression.add_file(
                    apart.read(file.chunks()), by=user_of(request), note=file.name or ""
                )
            except NotAllowed as refusal:
                raise PermissionDenied(str(refusal)) from refusal
            except Refused as refusal:
                form.add_error("import_file", str(refusal))
        context = {
            **self.shell(request, _("Stop list from a file")),
            "form": form,
            "report": report,
            "problems": report.problems[:SHOWN_PROBLEMS] if report else [],
            "cards": _figures(report) if report else [],
            "list_url": self.url("changelist"),
        }
        return TemplateResponse(request, "admin/mailing/suppression/file.html", context)


class SuppressionLifting(SamovarModelAdmin[Suppression]):
    """Lifting is the deletion of an entry; two words for it would be one too many."""

    def get_pages(self) -> list[tuple[str, View]]:
        return [
            *super().get_pages(),
            ("<int:pk>/lift/", self.lift_view),
            ("attempt/<int:pk>/lift-all/", self.lift_all_view),
        ]

    def get_actions(self, request: HttpRequest) -> Any:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def has_lift_permission(self, request: HttpRequest) -> bool:
        return permissions.may_return_letters(user_of(request))

    def has_delete_permission(self, request: HttpRequest, obj: Suppression | None = None) -> bool:
        return self.has_lift_permission(request)

    def get_form_context(
        self, request: HttpRequest, form: ModelForm[Suppression], obj: Suppression | None
    ) -> Context:
        """The button “Take off the list” is this form's way to delete."""
        return {"show_delete": False}

    def get_change_page(self, request: HttpRequest, obj: Suppression) -> ChangePage:
        lift = Button(_("Take off the list"), self.url("lift", obj.pk), method="post", icon="return")
        wish = Notice(_("This person asked for no more letters. Write again only if they say so."), tone="amber")
        return ChangePage(
            title=str(obj),
            notices=[wish] if obj.reason in OWN_WISH else [],
            buttons=[lift] if self.has_lift_permission(request) else [],
        )

    def lift_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseRedirect(self.url("change", pk))
        entry = self.find(request, pk)
        return self._lift(request, Suppression.objects.filter(pk=entry.pk))

    @pictured("return")
    @admin.action(permissions=["lift"], description=gettext_lazy("Take off the list"))
    def lift_selected(self, request: HttpRequest, queryset: QuerySet[Suppression]) -> None:
        self._lift(request, queryset)

    def lift_all_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Undoes what one attempt put on the list: after a bad day of the mail server."""
        if request.method != "POST":
            return HttpResponseRedirect(f"{self.url('changelist')}?attempt={pk}")
        if not self.has_lift_permission(request):
            raise PermissionDenied
        attempt = Attempt.objects.filter(pk=pk).first()
        entries = suppression.of_attempt(attempt) if attempt else Suppression.objects.none()
        return self._lift(request, entries)

    def changelist_view(self, request: HttpRequest, extra_context: Context | None = None) -> HttpResponse:
        extra = {"lift_all": self._lift_all(request)} | (extra_context or {})
        response: HttpResponse = super().changelist_view(request, extra)
        return response

    def _lift_all(self, request: HttpRequest) -> LiftAll | None:
        attempt = _attempt(request.GET.get("attempt"))
        if attempt is None or not self.has_lift_permission(request):
            return None
        number = suppression.of_attempt(attempt).count()
        words = ngettext("Take off %(n)s address", "Take off all %(n)s addresses", number) % {"n": num(number)}
        button = Button(words, self.url("lift-all", attempt.pk), method="post")
        return LiftAll(attempt, button if number else None)

    def _lift(self, request: HttpRequest, entries: QuerySet[Suppression]) -> HttpResponseRedirect:
        def said(number: int) -> str:
            words = ngettext(
                "%(n)s address taken off: letters go there again.",
                "%(n)s addresses taken off: letters go there again.",
                number,
            )
            return undoable(request, words % {"n": num(number)}, undo if number else None)

        if not self.has_lift_permission(request):
            raise PermissionDenied
        undo = undos.begin(UndoKind.LIFT, by=user_of(request))
        act = partial(suppression.lift_many, entries, by=user_of(request), undo=undo)
        return self.perform(request, act, said=said, back=self.url("changelist"))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Suppression]) -> None:
        suppression.lift_many(queryset, by=user_of(request))

    def delete_model(self, request: HttpRequest, obj: Suppression) -> None:
        suppression.lift(obj, by=user_of(request))


@admin.register(Suppression)
class SuppressionAdmin(
    SuppressionAdding, SuppressionLifting, StreamedExport[Suppression], SamovarModelAdmin[Suppression]
):
    list_title = gettext_lazy("Stop list")
    add_label = gettext_lazy("Add an address")
    empty_title = gettext_lazy("The stop list is empty")
    empty_text = gettext_lazy(
        "Addresses that must never be written to stand here: who unsubscribed, whose mailbox does not exist, "
        "and whom you add yourself."
    )
    empty_text_for_lookers = gettext_lazy(
        "Addresses that must never be written to stand here: who unsubscribed, whose mailbox does not exist, and "
        "whom a Manager or an Editor adds."
    )
    list_display = ("address", "why", "since", "origin", "short_note")
    list_filter = ("reason", ("created_at", DateRangeFilter), AttemptFilter)
    search_fields = ("email",)
    search_help_text = gettext_lazy("By address")
    ordering = ("-created_at", "-pk")
    changelist = SuppressionList
    form = SuppressionForm
    readonly_fields = ("since", "from_attempt", "who")
    actions = ("lift_selected",)
    export_resource = SuppressionResource
    import_export_change_list_template = "admin/mailing/suppression/change_list.html"

    def get_fieldsets(self, request: HttpRequest, obj: Suppression | None = None) -> Any:
        entered = ("email", "reason", "note")
        return ((None, {"fields": entered if obj is None else (*entered, *self.readonly_fields)}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Suppression | None = None) -> tuple[str, ...]:
        """Another address is another entry."""
        return self.readonly_fields if obj is None else ("email", *self.readonly_fields)

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Whoever may take clients out may take out these addresses."""
        return request.user.has_perm("mailing.export_client")

    def get_list_buttons(self, request: HttpRequest) -> list[Button]:
        return [*self.file_button(request), *self.export_button(request), *self.get_add_button(request)]

    def get_empty_buttons(self, request: HttpRequest) -> list[Button]:
        return [*self.get_add_button(request), *self.file_button(request)]

    # --- columns -------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("e-mail"), ordering="email")
    def address(self, entry: Suppression) -> str:
        return addresses.display(entry.email)

    @admin.display(description=gettext_lazy("reason"), ordering="reason")
    def why(self, entry: Suppression) -> SafeString:
        return pills.receives(entry.reason)

    @admin.display(description=gettext_lazy("since"), ordering="created_at")
    def since(self, entry: Suppression) -> SafeString | str:
        return when(entry.created_at)

    @admin.display(description=gettext_lazy("from attempt"))
    def from_attempt(self, entry: Suppression) -> SafeString | str:
        if entry.attempt is None:
            return "—"
        url = reverse("admin:mailing_attempt_change", args=[entry.attempt.pk])
        return format_html('<a href="{}">{}</a>', url, attempt_title(entry.attempt))

    @admin.display(description=gettext_lazy("added by"), ordering="created_by")
    def who(self, entry: Suppression) -> str:
        return person(entry.created_by) if entry.created_by else "—"

    @admin.display(description=gettext_lazy("from where"))
    def origin(self, entry: Suppression) -> SafeString | str:
        """The run whose letter came back, or who entered it; nothing where the client left by the link."""
        return self.from_attempt(entry) if entry.attempt else self.who(entry)

    @admin.display(description=gettext_lazy("note"))
    def short_note(self, entry: Suppression) -> SafeString | str:
        """What a server said is told in a sentence; its own words stand on the page of the entry."""
        note = entry.note.replace("\n", " ")
        if told := delivery_text.about_reply(note):
            return format_html('<span class="muted" title="{}">{}</span>', note, told)
        return Truncator(note).chars(NOTE_SHOWN) or "—"


def _figures(report: bulk_suppression.FileReport) -> list[Card]:
    wrong = len(report.problems)
    return [
        Card(_("Added"), report.added),
        Card(_("Were on the list already"), report.already),
        Card(_("Rows with errors"), wrong, tone="red" if wrong else ""),
    ]
