"""Mail (demo): what the demo mail server has taken, and its fault knob. Exists only in the demo.

The list stands on the left, the letter that is open beside it; each letter has an address of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.contrib import messages
from django.contrib.admin.models import CHANGE, DELETION
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from mailing import demo, unchecked
from mailing.admin.messages import letter_frame
from mailing.demo import faults
from mailing.demo.faults import Fault
from mailing.demo.maildir import StoredLetter, StoredLetters
from mailing.errors import NotUnderstood
from mailing.guests import Page
from mailing.models import Delivery
from mailing.services.access import audit_log

PER_PAGE = 50
SEE, CHANGE_IT = "mailing.view_delivery", "mailing.send_mailing"
TABS = ("html", "text", "headers", "source")
SHOWN = 100_000  # characters of a text or a source on the page; all of it is in the file
HEADERS_SHOWN, HEADER_SHOWN = 200, 2000

View = Callable[..., HttpResponseBase]


def demo_page(permission: str) -> Callable[[View], View]:
    """404 outside the demo, 403 without the permission."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, **kwargs: str) -> HttpResponseBase:
            if not demo.is_on():
                raise Http404
            if not request.user.has_perm(permission):
                raise PermissionDenied
            return view(request, **kwargs)

        return guarded

    return decorate


@demo_page(SEE)
def listing(request: HttpRequest) -> HttpResponse:
    return _page(request, _letters(request))


@demo_page(SEE)
def letter(request: HttpRequest, key: str) -> HttpResponse:
    kept, words = _kept(), _words(request)
    found = _find(key)
    place = kept.index.place(key, words)
    kept.index.see(key)
    context = _letters(request, page=place.before // PER_PAGE + 1)
    offered = [tab for tab in TABS if tab in {"headers", "source"} or getattr(found, tab)]
    chosen = request.GET.get("tab", "")
    labels = {"html": "HTML", "text": _("Text"), "headers": _("Headers"), "source": _("Source")}
    tab = chosen if chosen in offered else offered[0]
    shown = getattr(found, tab) if tab in {"text", "source"} else ""
    beside = {
        "letter": found,
        "subject": found.subject[:HEADER_SHOWN],
        "place": place,
        "tab": tab,
        "tabs": [(name, labels[name]) for name in offered],
        "shown": shown[:SHOWN],
        "is_cut": len(shown) > SHOWN or not found.is_whole,
        "headers": [(name, value[:HEADER_SHOWN]) for name, value in found.headers[:HEADERS_SHOWN]],
        "delivery": _delivery(found),
    }
    return _page(request, context | beside)


@demo_page(SEE)
def letter_html(request: HttpRequest, key: str) -> HttpResponse:
    return letter_frame.sandboxed(_find(key).html)


@demo_page(SEE)
def letter_file(request: HttpRequest, key: str) -> HttpResponseBase:
    """The letter as it came: a file for a mail program, which no browser shows."""
    path = _find(key).path
    return FileResponse(path.open("rb"), as_attachment=True, filename="letter.eml", content_type="message/rfc822")


@require_POST
@demo_page(CHANGE_IT)
def clear(request: HttpRequest) -> HttpResponse:
    removed = _kept().clear()
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


def _kept() -> StoredLetters:
    return StoredLetters(demo.mailbox_directory())


def _words(request: HttpRequest) -> str:
    words = request.GET.get("q", "").strip()
    if len(words) > unchecked.LONGEST_SEARCH:
        raise NotUnderstood([("q", words)])
    return words


def _letters(request: HttpRequest, *, page: int | None = None) -> dict[str, object]:
    """The list on the left: the page that is asked for, or this one."""
    words, kept = _words(request), _kept()
    wanted = page or unchecked.number(request.GET.get("p", "")) or 1
    found = kept.page(wanted, PER_PAGE, words)
    return {
        "title": _("Mail (demo)"),
        "rows": found.letters,
        "outside": found.outside,
        "words": words,
        "page": Paginator(range(found.number), PER_PAGE).get_page(wanted),
        "is_empty": not (found.number or found.outside or words),
        "faults": Fault.choices,
        "fault": faults.current(demo.mailbox_directory()),
        "may_change": request.user.has_perm(CHANGE_IT),
        "may_write": request.user.has_perm("mailing.change_message"),
    }


def _delivery(found: StoredLetter) -> Delivery | None:
    """What the letter was sent for; a test letter and a letter to staff were sent for none."""
    if not found.message_id:
        return None
    sent = Delivery.objects.filter(message_id=found.message_id, email=found.to)
    names = ("attempt__mailing__name", "attempt__mailing__message__subject")
    return sent.select_related("attempt__mailing__message").only("email", *names).first()


def _find(key: str) -> StoredLetter:
    found = _kept().get(key)
    if found is None:
        raise Http404
    return found


def _page(request: HttpRequest, context: dict[str, object]) -> HttpResponse:
    # The site's own context would be `admin.site.each_context`; the shell comes from the context processor.
    return TemplateResponse(request, "demo/mailbox.html", {"has_permission": True, "is_popup": False} | context)


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
    Page("mailbox/<str:key>/file/", "mailing_mailbox_file", letter_file),
)
