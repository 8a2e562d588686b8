"""The tab Schedule: name and dates, with what will come of them beside."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from mailing.admin.common.pages import View
from mailing.admin.mailings.tabs import MailingTabs


class ScheduleTab(MailingTabs):
    def get_pages(self) -> list[tuple[str, View]]:
        return [*super().get_pages(), ("<int:pk>/schedule/", self.schedule_view)]

    def schedule_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        mailing = self.find(request, pk)
        return self.changeform_view(request, str(mailing.pk))
