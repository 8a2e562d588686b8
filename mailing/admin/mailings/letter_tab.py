"""The tab Letter: what every recipient will read, from whom, and which message it is."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from mailing import addresses, letterchecks
from mailing.admin.common.base import Context
from mailing.admin.common.pages import View, user_of
from mailing.admin.mailings.tabs import MailingTabs
from mailing.admin.messages.screen import first_words
from mailing.models import Mailing
from mailing.services import runs


class LetterTab(MailingTabs):
    def get_pages(self) -> list[tuple[str, View]]:
        return [*super().get_pages(), ("<int:pk>/letter/", self.letter_view)]

    def letter_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        mailing = self.find(request, pk)
        if not user_of(request).has_perm("mailing.view_message"):
            raise PermissionDenied
        response = self.changeform_view(request, str(mailing.pk))
        if isinstance(response, TemplateResponse):
            context = (response.context_data or {}) | _letter(mailing)
            return TemplateResponse(request, "admin/mailing/mailing/tab_letter.html", context)
        return response


def _letter(mailing: Mailing) -> Context:
    message = mailing.message
    name, address = addresses.split(runs.sender(mailing))
    found = letterchecks.check(
        subject=message.subject, body=message.body, is_html=message.is_html, text_body=message.text_body
    )
    return {
        "letter": reverse("admin:mailing_message_letter", args=[message.pk]),
        "message": message,
        "sender": name or address,
        "beginning": first_words(message.body, as_html=message.is_html),
        "remarks": [remark for remark in found if remark.code != "no_way_to_leave"],  # the line it adds is shown
    }
