"""The way to the first letter, on the first page while nothing was sent: what is done already, and what comes next.

Each person sees the steps that they may take. Whoever knows the way puts it away, in their browser.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from mailing.admin.common import delivery_text
from mailing.guests import Page
from mailing.replies import Verdict
from mailing.services.reports.overview import FirstSteps
from mailing.services.runs import trial_letters

COOKIE, AWAY = "first_steps", "away"
YEAR = 365 * 24 * 3600


@dataclass(frozen=True)
class Step:
    """`also` is another way to take it: words and an address; `trouble` is what stands in the way."""

    title: str
    text: str
    url: str
    done: bool
    also: tuple[str, str] | None = None
    trouble: str = ""


@dataclass(frozen=True)
class Shown:
    """The steps of one person; `next` is the first that is not done."""

    steps: list[Step]
    is_away: bool

    @property
    def next(self) -> Step | None:
        return next((step for step in self.steps if not step.done), None)


def of(request: HttpRequest, user: User, known: FirstSteps | None) -> Shown | None:
    """None when there is nothing left to do for this person."""
    steps = list(_steps(user, known)) if known else []
    shown = Shown(steps, request.COOKIES.get(COOKIE) == AWAY)
    return shown if shown.next else None


@require_POST
def put_away(request: HttpRequest) -> HttpResponse:
    """Takes the steps off the first page, or brings them back; nothing is stored but in the browser of the person."""
    answer = HttpResponseRedirect(reverse("admin:index"))
    if request.POST.get("show"):
        answer.delete_cookie(COOKIE, samesite="Lax")
    else:
        secure = settings.SESSION_COOKIE_SECURE
        answer.set_cookie(COOKIE, AWAY, max_age=YEAR, httponly=True, samesite="Lax", secure=secure)
    return answer


def _steps(user: User, known: FirstSteps) -> Iterator[Step]:
    may_load, may_add = user.has_perm("mailing.import_client"), user.has_perm("mailing.add_client")
    if may_load or may_add:
        by_hand = (_("or add one by hand"), _url("client_add")) if may_load and may_add else None
        text = _("From the file Excel gave you, as it is.") if may_load else _("One by one.")
        first = "client_import" if may_load else "client_add"
        yield Step(_("Load your clients"), text, _url(first), known.clients, by_hand)
    if user.has_perm("mailing.add_message"):
        text = _("Subject and body; the name of the client fills in by itself.")
        yield Step(_("Write a message"), text, _url("message_add"), known.message is not None)
    if user.has_perm("mailing.change_message"):
        yield _test(user, known)
    if user.has_perm("mailing.add_mailing"):
        text = _("Which message, to whom, when and how often.")
        yield Step(_("Create a mailing"), text, _url("mailing_add"), known.mailings)


def _test(user: User, known: FirstSteps) -> Step:
    title, outcome = _("Send it to yourself"), trial_letters.latest(user)
    url = _url("message_test", known.message) if known.message else ""
    if outcome and outcome.verdict is Verdict.SENT:
        text = _("The mail server took it. If it is not in your mailbox, look among the spam.")
        return Step(title, text, url, done=True)
    text = _("One letter to your own address, to see what the clients will see.")
    if outcome:
        answer = delivery_text.answer(outcome)
        said = _("The last one: %(what)s.") % {"what": answer.words}
        return Step(title, text, url, done=False, trouble=f"{said} {answer.sentence}".strip())
    return Step(title, text, url, done=False, trouble="" if settings.PASSWORD_BY_LETTER else _without_server(user))


def _without_server(user: User) -> str:
    if user.is_superuser:
        return _("No mail server is set: give EMAIL_HOST and what it asks for in “.env”, and start Samovar again.")
    return _("No mail server is set: ask the administrator to do that first.")


def _url(name: str, *args: int) -> str:
    return reverse(f"admin:mailing_{name}", args=args)


PAGES = (Page("first-steps/", "first_steps", put_away),)
