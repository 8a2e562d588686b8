"""What can be done with many clients at once.

Each action asks on a page of its own and acts on the second POST. The page carries the list's address and, for
"select all", one field: the rows are found again by the filter, never listed in HTML or loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from mailing.admin.clients.resources import ClientResource
from mailing.admin.common.base import Context, Result, SamovarModelAdmin
from mailing.admin.common.export import EXPORT_FORMATS, exported
from mailing.admin.common.pages import undoable, user_of
from mailing.admin.common.row_actions import pictured
from mailing.choices import SuppressionReason, UndoKind
from mailing.errors import NotAllowed
from mailing.formatting import num
from mailing.forms.clients import PickMailingForm
from mailing.models import Client, Mailing, Undo
from mailing.models.clients import ClientQuerySet
from mailing.services.access import permissions, undos
from mailing.services.clients import bulk_suppression, erasure, suppression
from mailing.services.mailings import recipients

OWN_WISH = (SuppressionReason.UNSUBSCRIBED, SuppressionReason.COMPLAINT)


class ClientActions(SamovarModelAdmin[Client]):
    actions = ("add_to_mailing", "remove_from_mailing", "stop_letters", "return_letters", "export_selected")

    # --- who may ---------------------------------------------------------------------------------------

    def has_recipients_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("mailing.change_mailing")

    def has_stop_permission(self, request: HttpRequest) -> bool:
        return permissions.may_stop_letters(user_of(request))

    def has_lift_permission(self, request: HttpRequest) -> bool:
        return permissions.may_return_letters(user_of(request))

    # --- recipients --------------------------------------------------------------------------------------

    @pictured("plus")
    @admin.action(permissions=["recipients"], description=gettext_lazy("Add to a mailing…"))
    def add_to_mailing(self, request: HttpRequest, queryset: ClientQuerySet) -> HttpResponse | None:
        form = self._mailing_form(request)
        mailing = form.cleaned_data["mailing"] if form.is_bound and form.is_valid() else None
        if mailing and _is_answer(request, mailing):
            number = self._ask(recipients.add_to_mailing, mailing, queryset, by=user_of(request))
            words = ngettext("%(n)s client added to “%(mailing)s”.", "%(n)s clients added to “%(mailing)s”.", number)
            self._say(request, words, number, mailing)
            return None
        forecast = recipients.preview(mailing, queryset) if mailing else None
        context = {"form": form, "mailing": mailing, "forecast": forecast}
        return self._page(request, queryset, "add_to_mailing", _("Add to a mailing"), context)

    @pictured("minus")
    @admin.action(permissions=["recipients"], description=gettext_lazy("Remove from a mailing…"))
    def remove_from_mailing(self, request: HttpRequest, queryset: ClientQuerySet) -> HttpResponse | None:
        form = self._mailing_form(request)
        mailing = form.cleaned_data["mailing"] if form.is_bound and form.is_valid() else None
        if mailing and _is_answer(request, mailing):
            act = undos.begin(UndoKind.REMOVAL, by=user_of(request))
            number = self._ask(recipients.remove_from_mailing, mailing, queryset, by=user_of(request), undo=act)
            words = ngettext(
                "%(n)s client removed from “%(mailing)s”.", "%(n)s clients removed from “%(mailing)s”.", number
            )
            self._say(request, words, number, mailing, act)
            return None
        removed = recipients.among(mailing, queryset) if mailing else None
        context = {"form": form, "mailing": mailing, "removed": removed}
        return self._page(request, queryset, "remove_from_mailing", _("Remove from a mailing"), context)

    def _mailing_form(self, request: HttpRequest) -> PickMailingForm:
        """Filled from the second step, or from the filter of the list."""
        data: Any = request.POST if "mailing" in request.POST else None
        if data is None and request.GET.get("mailing"):
            data = {"mailing": request.GET["mailing"]}
        form = PickMailingForm(data, by=user_of(request))
        if data is request.POST or (data and form.is_valid()):
            return form
        return PickMailingForm(by=user_of(request))

    # --- the stop list -------------------------------------------------------------------------------------

    @pictured("stop")
    @admin.action(permissions=["stop"], description=gettext_lazy("Stop letters…"))
    def stop_letters(self, request: HttpRequest, queryset: ClientQuerySet) -> HttpResponse | None:
        if "apply" in request.POST:
            user = user_of(request)
            act = undos.begin(UndoKind.STOP, by=user) if permissions.may_return_letters(user) else None
            number = self._ask(bulk_suppression.stop_clients, queryset, by=user, undo=act)
            words = ngettext("%(n)s client gets no more letters.", "%(n)s clients get no more letters.", number)
            self._say(request, words, number, act=act)
            return None
        already = bulk_suppression.of_clients(queryset).count()
        return self._page(request, queryset, "stop_letters", _("Stop letters"), {"already": already})

    @pictured("return")
    @admin.action(permissions=["lift"], description=gettext_lazy("Return to mailings…"))
    def return_letters(self, request: HttpRequest, queryset: ClientQuerySet) -> HttpResponse | None:
        entries = bulk_suppression.of_clients(queryset)
        if "apply" in request.POST:
            act = undos.begin(UndoKind.LIFT, by=user_of(request))
            number = self._ask(suppression.lift_many, entries, by=user_of(request), undo=act)
            words = ngettext("%(n)s client gets letters again.", "%(n)s clients get letters again.", number)
            self._say(request, words, number, act=act)
            return None
        reasons = bulk_suppression.by_reason(entries)
        context = {
            "reasons": [(label, reasons[value]) for value, label in SuppressionReason.choices if value in reasons],
            "stopped": sum(reasons.values()),
            "own_wish": sum(reasons.get(reason, 0) for reason in OWN_WISH),
        }
        return self._page(request, queryset, "return_letters", _("Return to mailings"), context)

    # --- export and deletion ---------------------------------------------------------------------------------

    @pictured("download")
    @admin.action(permissions=["export"], description=gettext_lazy("Export…"))
    def export_selected(self, request: HttpRequest, queryset: ClientQuerySet) -> HttpResponseBase:
        chosen = request.POST.get("format", "")
        if "apply" in request.POST and chosen in map(str, range(len(EXPORT_FORMATS))):
            return exported(self, request, queryset, ClientResource(), EXPORT_FORMATS[int(chosen)]())
        formats = [(number, file_format.title) for number, file_format in enumerate(EXPORT_FORMATS)]
        return self._page(request, queryset, "export_selected", _("Export"), {"formats": formats})

    def has_delete_permission(self, request: HttpRequest, obj: Client | None = None) -> bool:
        one = Client.objects.filter(pk=obj.pk) if obj else None
        return super().has_delete_permission(request, obj) and (one is None or self._may_delete(request, one))

    def get_deleted_objects(
        self, objs: Sequence[Client] | QuerySet[Client], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        shown, numbers, needed, protected = super().get_deleted_objects(objs, request)
        if not self._may_delete(request, objs):
            needed = {_("recipients of mailings that send by themselves")}
        return shown, numbers, needed, protected

    def _may_delete(self, request: HttpRequest, clients: Sequence[Client] | QuerySet[Client]) -> bool:
        return erasure.may_delete(user_of(request), clients)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Client]) -> None:
        self._ask(erasure.delete, queryset, by=user_of(request))

    def delete_model(self, request: HttpRequest, obj: Client) -> None:
        self._ask(erasure.delete, Client.objects.filter(pk=obj.pk), by=user_of(request))

    # --- what they share ---------------------------------------------------------------------------------------

    def _ask(self, service: Callable[..., Result], *args: object, by: User, **given: object) -> Result:
        try:
            return service(*args, by=by, **given)
        except NotAllowed as refusal:
            raise PermissionDenied(str(refusal)) from refusal

    def _say(
        self, request: HttpRequest, words: str, number: int, mailing: Mailing | None = None, act: Undo | None = None
    ) -> None:
        text = words % {"n": num(number), "mailing": mailing}
        if mailing:
            url = reverse("admin:mailing_mailing_recipients", args=[mailing.pk])
            text = format_html('{} <a href="{}">{}</a>', text, url, _("Show the recipients"))
        messages.success(request, undoable(request, text, act if number else None))

    def _page(
        self, request: HttpRequest, queryset: ClientQuerySet, name: str, title: str, context: Context
    ) -> TemplateResponse:
        across = request.POST.get("select_across") == "1"
        shell = {
            **self.shell(request, title),
            "action": name,
            "number": queryset.count(),
            "across": across,
            "selected": ["0"] if across else request.POST.getlist(ACTION_CHECKBOX_NAME),
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "back": request.get_full_path(),
        }
        return TemplateResponse(request, f"admin/mailing/client/{name}.html", shell | context)


def _is_answer(request: HttpRequest, mailing: Mailing) -> bool:
    """Whether the question was answered, and asked about this mailing: another one is counted first."""
    return "apply" in request.POST and request.POST.get("counted", str(mailing.pk)) == str(mailing.pk)
