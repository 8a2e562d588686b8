"""Mail (demo): what the demo mail server has taken, and its fault knob. Exists only in the demo."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.contrib import messages
from django.contrib.admin.models import CHANGE, DELETION
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from mailing import demo
from mailing.admin.messages import letter_frame
from mailing.demo import faults
from mailing.demo.faults import Fault
from mailing.demo.maildir import StoredLetter, StoredLetters
from mailing.guests import Page
from mailing.models import Attempt, Delivery, Mailing
from mailing.services.access import audit_log

PER_PAGE = 50
SEE, CHANGE_IT = "mailing.view_delivery", "mailing.send_mailing"
TABS = ("html", "text", "source")

View = Callable[..., HttpResponse]


def demo_page(permission: str) -> Callable[[View], View]:
    """404 outside the demo, 403 without the permission."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, **kwargs: str) -> HttpResponse:
            if not demo.is_on():
                raise Http404
            if not request.user.has_perm(permission):
                raise PermissionDenied
            return view(request, **kwargs)

        return guarded

    return decorate


@demo_page(SEE)
def listing(request: HttpRequest) -> HttpResponse:
    kept = StoredLetters(demo.mailbox_directory())
    # The paginator counts; only the letters of the page are read.
    page = Paginator(range(len(kept)), PER_PAGE).get_page(request.GET.get("p"))
    context = {
        "title": _("Mail (demo)"),
        "rows": _with_mailings(kept.page(page.number, PER_PAGE)),
        "page": page,
        "faults": Fault.choices,
        "fault": faults.current(demo.mailbox_directory()),
        "may_change": request.user.has_perm(CHANGE_IT),
    }
    return _page(request, "list", context)


@require_POST
@demo_page(CHANGE_IT)
def clear(request: HttpRequest) -> HttpResponse:
    removed = StoredLetters(demo.mailbox_directory()).clear()
    said = ngettext("%(n)s letter removed.", "%(n)s letters removed.", removed) % {"n": removed}
    return _done(request, DELETION, said)


@require_POST
@demo_page(CHANGE_IT)
def choose_fault(request: HttpRequest) -> HttpResponse:
    if (value := request.POST.get("fault", "")) not in Fault.values:
        raise Http404
    fault = Fault(value)
    faults.choose(demo.mailbox_directory(), fault)
    return _done(request, CHANGE, _("The demo mail server now: %(fault)s") % {"fault": fault.label})


@demo_page(SEE)
def letter(request: HttpRequest, key: str) -> HttpResponse:
    found = _find(key)
    offered = [tab for tab in TABS if tab == "source" or getattr(found, tab)]
    chosen = request.GET.get("tab", "")
    labels = {"html": _("HTML"), "text": _("Text"), "source": _("Source")}
    context = {
        "title": found.subject or _("(no subject)"),
        "letter": found,
        "tab": chosen if chosen in offered else offered[0],
        "tabs": [(tab, labels[tab]) for tab in offered],
    }
    return _page(request, "letter", context)


@demo_page(SEE)
def letter_html(request: HttpRequest, key: str) -> HttpResponse:
    return letter_frame.sandboxed(_find(key).html)


def _with_mailings(found: list[StoredLetter]) -> list[tuple[StoredLetter, Mailing | None]]:
    """Each letter with the mailing that sent it; a test letter and a letter to staff have none."""
    ids = {letter.message_id for letter in found} - {""}
    sent = Delivery.objects.filter(message_id__in=ids, email__in={letter.to for letter in found})
    attempts = dict(sent.values_list("message_id", "attempt_id"))
    shown = Attempt.objects.filter(pk__in=set(attempts.values())).select_related("mailing__message")
    mailings = {attempt.pk: attempt.mailing for attempt in shown.only("mailing__name", "mailing__message__subject")}
    return [(letter, mailings.get(attempts.get(letter.message_id, 0))) for letter in found]


def _find(key: str) -> StoredLetter:
    found = StoredLetters(demo.mailbox_directory()).get(key)
    if found is None:
        raise Http404
    return found


def _page(request: HttpRequest, name: str, context: dict[str, object]) -> HttpResponse:
    # The site's own context would be `admin.site.each_context`; the shell comes from the context processor.
    shell = {"has_permission": True, "is_popup": False, "list_title": _("Mail (demo)")}
    return TemplateResponse(request, f"demo/{name}.html", shell | context)


def _done(request: HttpRequest, flag: int, said: str) -> HttpResponse:
    # demo_page lets nobody in without a permission.
    audit_log.record_many(None, request.user, flag, _("Mail (demo)"), said)  # type: ignore[arg-type]
    messages.success(request, said)
    return HttpResponseRedirect(reverse("admin:mailing_mailbox"))


PAGES = (
    Page("mailbox/", "mailing_mailbox", listing),
    Page("mailbox/clear/", "mailing_mailbox_clear", clear),
    Page("mailbox/fault/", "mailing_mailbox_fault", choose_fault),
    Page("mailbox/<str:key>/", "mailing_mailbox_letter", letter),
    Page("mailbox/<str:key>/html/", "mailing_mailbox_html", letter_html),
)
