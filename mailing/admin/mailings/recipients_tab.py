"""The tab Recipients: who gets the letter."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from mailing.admin.common.pages import GET, View
from mailing.admin.mailings.tabs import MailingTabs
from mailing.choices import Audience
from mailing.models import Mailing
from mailing.services.reports import statistics


class RecipientsTab(MailingTabs):
    def get_pages(self) -> list[tuple[str, View]]:
        return [*super().get_pages(), ("<int:pk>/recipients/", self.recipients_view)]

    @GET
    def recipients_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        mailing = self.find(request, pk)
        context = {"recipients": statistics.recipients(mailing), "recipients_url": recipients_url(mailing)}
        return self.tab(request, mailing, "recipients", context)


def recipients_url(mailing: Mailing) -> str:
    """The client list, narrowed to who gets this mailing."""
    listing = reverse("admin:mailing_client_changelist")
    return listing if mailing.audience == Audience.EVERYONE else f"{listing}?mailing={mailing.pk}"
