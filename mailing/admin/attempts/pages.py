"""The pages of an attempt: its letter, its retry, its stop-list entries; and the list of them as a file."""

from __future__ import annotations

from functools import partial

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import ngettext

from mailing.admin.attempts import files
from mailing.admin.common.base import SamovarModelAdmin
from mailing.admin.common.export import log_export
from mailing.admin.common.pages import GET, POST, View, user_of
from mailing.admin.messages import letter_frame
from mailing.formatting import num
from mailing.models import Attempt
from mailing.services.clients import suppression
from mailing.services.mailings import lifecycle
from mailing.services.reports import tables


class AttemptPages(SamovarModelAdmin[Attempt]):
    def get_pages(self) -> list[tuple[str, View]]:
        return [
            *super().get_pages(),
            ("export/", self.export_view),
            ("<int:pk>/retry/", self.retry_view),
            ("<int:pk>/letter/", self.letter_view),
            ("<int:pk>/lift/", self.lift_view),
        ]

    @POST
    def retry_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A new attempt for those the letter did not reach; `unconfirmed=1` also for those nobody knows about."""
        attempt = self.find(request, pk)
        unconfirmed = request.POST.get("unconfirmed") == "1"
        act = partial(lifecycle.retry, attempt, by=user_of(request), unconfirmed=unconfirmed)
        return self.perform(request, act, said=_retried, back=self.url("change", pk))

    @POST
    def lift_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Takes every address this attempt put on the stop list off it again."""
        attempt = self.find(request, pk)
        act = partial(suppression.lift_all_of_attempt, attempt, by=user_of(request))
        return self.perform(request, act, said=_lifted, back=self.url("change", pk))

    @GET
    def letter_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What was sent, in the sandbox."""
        return letter_frame.of_attempt(self.find(request, pk), as_text=request.GET.get("shown") == "text")

    # --- as a file -------------------------------------------------------------------------------------

    @GET
    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """The attempts of the current filter as a file."""
        files.require_export(request)
        wanted = files.wanted(request, "csv")
        attempts = self.get_changelist_instance(request).queryset
        log_export(self, request, attempts.count())
        return files.answer(tables.attempts_table(attempts), wanted, "attempts")


def _retried(attempt: Attempt) -> str:
    words = ngettext(
        "Retry for %(n)s client has begun: attempt %(attempt)s.",
        "Retry for %(n)s clients has begun: attempt %(attempt)s.",
        attempt.audience,
    )
    return words % {"n": num(attempt.audience), "attempt": attempt.pk}


def _lifted(number: int) -> str:
    words = ngettext("%(n)s address gets letters again.", "%(n)s addresses get letters again.", number)
    return words % {"n": num(number)}
