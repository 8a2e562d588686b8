"""The page that finds anything, and what the box behind Ctrl-K shows of it: `mailing.admin.site.finding` searches."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_GET

from backoffice.context import Shell
from mailing import unchecked
from mailing.admin.common.pages import user_of
from mailing.admin.site import finding


@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """The whole page, or with `part` in the address only what was found, for the box."""
    text = request.GET.get("q", "").strip()
    too_long = len(text) > unchecked.LONGEST_SEARCH
    user = user_of(request)
    answer = None if too_long else finding.answer(user, text, list(places(request, user)))
    found = {"query": text, "answer": answer, "longest": unchecked.LONGEST_SEARCH}
    if "part" in request.GET:
        return TemplateResponse(request, "admin/includes/_found.html", found)
    around = admin.site.each_context(request) | {"title": pgettext("place", "Search"), "opts": None}
    return TemplateResponse(request, "admin/find.html", around | found)


def places(request: HttpRequest, user: User) -> Iterator[finding.Hit]:
    """Every page of the navigation and of the menu of this person."""
    shell = Shell(request)
    yield from (finding.Hit(link.label, link.url, link.icon) for link in shell.sections)
    yield from (finding.Hit(link.label, link.url, "gear") for link in shell.system)
    if user.is_superuser:
        limit = reverse("admin:mailing_message_test-limit")
        yield finding.Hit(
            _("Limit of test letters"), limit, "gear", also=pgettext("words to find it by", "test limit settings")
        )
    if user.has_usable_password():
        url = reverse("admin:password_change")
        yield finding.Hit(
            _("Change password"), url, "key", also=pgettext("words to find it by", "my password settings")
        )
    if shell.has_second_factor:
        url = reverse("admin:second_factor")
        yield finding.Hit(_("Second factor"), url, "key", also=pgettext("words to find it by", "code phone settings"))
