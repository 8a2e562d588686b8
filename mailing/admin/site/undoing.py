"""The button "Undo" in a message: takes back what the message told of, and says what came of it."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from mailing.admin.common.pages import user_of
from mailing.choices import UndoKind
from mailing.errors import NotAllowed, Refused
from mailing.formatting import day_and_time, num
from mailing.services.clients import undoing
from mailing.services.clients.undoing import Undone


def page(request: HttpRequest, pk: int) -> HttpResponseRedirect:
    """Back to the page on which the button stood. A GET is somebody whose session ended before the press."""
    back = _back(request)
    if request.method != "POST":
        return HttpResponseRedirect(back)
    try:
        done = undoing.undo(pk, by=user_of(request))
    except NotAllowed as refusal:
        raise PermissionDenied(str(refusal)) from refusal
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, said(done))
        for refusal_of_one in done.refusals:
            messages.warning(request, refusal_of_one)
    return HttpResponseRedirect(back)


def said(done: Undone) -> str:
    moment = done.mailings[0].next_run_at if len(done.mailings) == 1 else None
    if done.kind is UndoKind.PAUSE and moment:
        return _("Undone: the mailing sends again. The next send: %(moment)s.") % {"moment": day_and_time(moment)}
    words = {
        UndoKind.PAUSE: ngettext(
            "Undone: %(n)s mailing sends again.", "Undone: %(n)s mailings send again.", done.number
        ),
        UndoKind.REMOVAL: ngettext(
            "Undone: %(n)s client is a recipient again.", "Undone: %(n)s clients are recipients again.", done.number
        ),
        UndoKind.STOP: ngettext(
            "Undone: %(n)s address is as it was before.",
            "Undone: %(n)s addresses are as they were before.",
            done.number,
        ),
        UndoKind.LIFT: ngettext(
            "Undone: %(n)s address is on the stop list again.",
            "Undone: %(n)s addresses are on the stop list again.",
            done.number,
        ),
    }
    return words[done.kind] % {"n": num(done.number)}


def _back(request: HttpRequest) -> str:
    """The page of the admin that the browser came from; where it names none of ours, the overview."""
    home, referer = reverse("admin:index"), request.headers.get("Referer", "")
    hosts, secure = {request.get_host()}, request.is_secure()
    parts = urlsplit(referer) if url_has_allowed_host_and_scheme(referer, hosts, require_https=secure) else None
    if parts is None or not parts.path.startswith(home) or parts.path == request.path:
        return home
    return parts._replace(scheme="", netloc="", fragment="").geturl()
