"""The tab Runs: every attempt of the mailing with its result, newest first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from mailing import unchecked
from mailing.admin.attempts.run_chart import run_chart
from mailing.admin.common import delivery_text
from mailing.admin.common.pages import GET, View
from mailing.admin.mailings.tabs import HowItStands, MailingTabs, how_it_stands
from mailing.choices import AttemptStatus
from mailing.formatting import duration
from mailing.furniture import Words
from mailing.models import Attempt, Mailing
from mailing.services.reports import statistics
from mailing.services.states import Told

PER_PAGE = 25
ENDS = (AttemptStatus.SUCCEEDED, AttemptStatus.PARTLY, AttemptStatus.FAILED, AttemptStatus.MISSED)


@dataclass(frozen=True)
class Run:
    """An attempt as a row: how it stands, how long it took, what it means and what the server said."""

    attempt: Attempt
    told: Told
    took: str
    sentence: Words
    response: str


@dataclass(frozen=True)
class Choice:
    """One of the results by which the list is narrowed."""

    label: Words
    number: int
    query: str
    is_current: bool


class RunsTab(MailingTabs):
    def get_pages(self) -> list[tuple[str, View]]:
        return [*super().get_pages(), ("<int:pk>/runs/", self.runs_view)]

    @GET
    def runs_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """`?result=` narrows to an end, `?page=` turns the pages."""
        mailing = self.find(request, pk)
        result, number = request.GET.get("result", ""), unchecked.number(request.GET.get("page", "1"))
        numbers = _numbers(mailing)
        found = mailing.attempts.filter(status=result) if result else mailing.attempts.all()
        pages = _Counted(found, PER_PAGE, numbers.get(result, 0) if result else sum(numbers.values()))
        if result not in {"", *ENDS} or number not in pages.page_range:
            messages.warning(request, _("There is no such part of the list: this is all of it."))
            return HttpResponseRedirect(self.url("runs", mailing.pk))
        stands = how_it_stands(mailing)
        page = pages.page(number or 1)
        context = {
            "runs": _rows(page, mailing, stands),
            "page": page,
            "result": result,
            "choices": _choices(numbers, result),
            "chart": run_chart(mailing, stands.signs),
        }
        return self.tab(request, mailing, "runs", context, stands)


class _Counted(Paginator):  # type: ignore[type-arg]  # Django's own takes no parameter at run time
    """Its rows were counted with those of the other results."""

    def __init__(self, rows: object, per_page: int, number: int) -> None:
        super().__init__(rows, per_page)  # type: ignore[arg-type]
        self.__dict__["count"] = number


def _numbers(mailing: Mailing) -> dict[str, int]:
    """How many attempts ended in which way."""
    return dict(mailing.attempts.order_by().values_list("status").annotate(Count("pk")))


def _rows(page: Page[Attempt], mailing: Mailing, stands: HowItStands) -> Sequence[Run]:
    rows = page.object_list.without_letters().select_related("started_by")  # type: ignore[attr-defined]
    return [_row(attempt, stands.told_of(attempt, mailing)) for attempt in rows]


def _row(attempt: Attempt, told: Told) -> Run:
    sentence, response = what_went_wrong(attempt, tell=delivery_text.in_short)
    return Run(attempt, told, duration(statistics.length(attempt)), told.why or sentence, response)


def what_went_wrong(
    attempt: Attempt, *, tell: Callable[[Attempt], Words] = delivery_text.about_attempt
) -> tuple[Words, str]:
    """(our sentence, the first line the server said); nothing of a run that went well."""
    if attempt.status not in {AttemptStatus.PARTLY, AttemptStatus.FAILED}:
        return "", ""
    if not attempt.failed:  # what the server said was said about other letters
        return (delivery_text.UNKNOWN_WHETHER if attempt.unconfirmed else ""), ""
    return tell(attempt), attempt.response.strip().split("\n")[0]


def _choices(numbers: dict[str, int], result: str) -> list[Choice]:
    everything = Choice(_("All"), sum(numbers.values()), "?", not result)
    ends = [Choice(end.label, numbers.get(end, 0), f"?result={end}", result == end) for end in ENDS]
    return [everything, *(choice for choice in ends if choice.number or choice.is_current)]
