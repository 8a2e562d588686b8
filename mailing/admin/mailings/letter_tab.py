"""The tab Letter: what every recipient will read."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from mailing.admin.common.pages import GET, View
from mailing.admin.mailings.tabs import MailingTabs


class LetterTab(MailingTabs):
    def get_pages(self) -> list[tuple[str, View]]:
        return [*super().get_pages(), ("<int:pk>/letter/", self.letter_view)]

    @GET
    def letter_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        mailing = self.find(request, pk)
        letter = reverse("admin:mailing_message_letter", args=[mailing.message_id])
        return self.tab(request, mailing, "letter", {"letter": letter})
