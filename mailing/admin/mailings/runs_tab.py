"""The tab Runs: every attempt of the mailing with its result, newest first."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from mailing.admin.common.pages import GET, View
from mailing.admin.mailings.tabs import MailingTabs

LATEST = 10


class RunsTab(MailingTabs):
    def get_pages(self) -> list[tuple[str, View]]:
        return [*super().get_pages(), ("<int:pk>/runs/", self.runs_view)]

    @GET
    def runs_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        mailing = self.find(request, pk)
        attempts = mailing.attempts.without_letters().select_related("started_by")[:LATEST]
        return self.tab(request, mailing, "runs", {"attempts": attempts, "total": mailing.attempts.count()})
