"""The pages of a message beside its form: how it will look, and a second one like it."""

from __future__ import annotations

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from mailing import unchecked
from mailing.admin.common.base import SamovarModelAdmin
from mailing.admin.common.pages import POST, View, user_of
from mailing.admin.common.row_actions import pictured
from mailing.admin.messages import letter_frame
from mailing.models import Client, Message
from mailing.services.mailings import copies


class MessagePages(SamovarModelAdmin[Message]):
    def get_pages(self) -> list[tuple[str, View]]:
        return [
            *super().get_pages(),
            ("preview/", self.preview_view),
            ("<int:pk>/letter/", self.letter_view),
            ("<int:pk>/copy/", self.copy_view),
        ]

    @POST
    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """The unsaved form as a letter. Changes nothing; POST because a body does not fit into an address."""
        if not (self.has_add_permission(request) or self.has_change_permission(request)):
            raise PermissionDenied
        message = Message(
            subject=request.POST.get("subject", ""),
            body=request.POST.get("body", ""),
            is_html=request.POST.get("is_html", "") not in {"", "false", "False", "0"},
            text_body=request.POST.get("text_body", ""),
        )
        return letter_frame.of_message(message, _sample(request), as_text=request.POST.get("shown") == "text")

    def letter_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The stored message as a letter: the frame's first content."""
        message = self.find(request, pk)
        return letter_frame.of_message(message, None, as_text=request.GET.get("shown") == "text")

    @POST
    def copy_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        message = self.find(request, pk)
        self.require_add(request)
        twin = copies.copy_message(message, by=user_of(request))
        self.message_user(request, _("This is the copy: change it as you like."))
        return HttpResponseRedirect(self.url("change", twin.pk))

    @pictured("copy")
    @admin.action(permissions=["add"], description=gettext_lazy("Copy"))
    def copy(self, request: HttpRequest, queryset: QuerySet[Message]) -> None:
        twins = [copies.copy_message(message, by=user_of(request)) for message in queryset]
        words = ngettext("%(n)s copy made.", "%(n)s copies made.", len(twins))
        self.message_user(request, words % {"n": len(twins)})


def _sample(request: HttpRequest) -> Client | None:
    """The client with whose eyes the letter is looked at."""
    pk = unchecked.number(request.POST.get("sample", ""))
    if pk is None or not request.user.has_perm("mailing.view_client"):
        return None
    return Client.objects.filter(pk=pk).first()
