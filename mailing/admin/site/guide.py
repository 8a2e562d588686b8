"""What stands behind "?": the guide, a page for each screen, and the words with their meaning. For all who log in."""

from __future__ import annotations

from collections.abc import Mapping

from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from mailing.guests import Page
from mailing.guide import pages, terms


@require_safe
def contents(request: HttpRequest) -> HttpResponse:
    return _shown(request, "admin/help/contents.html", {"title": _("Guide"), "contents": pages.contents()})


@require_safe
def page(request: HttpRequest, name: str) -> HttpResponse:
    if name not in pages.PAGES:
        raise Http404
    document = pages.page(name)
    listed = pages.contents()
    at = pages.PAGES.index(name)
    context = {
        "title": document.title,
        "document": document,
        "name": name,
        "contents": listed,
        "following": listed[at + 1] if at + 1 < len(listed) else None,
    }
    return _shown(request, "admin/help/page.html", context)


@require_safe
def words(request: HttpRequest) -> HttpResponse:
    context = {"title": _("Words"), "groups": terms.GROUPS, "contents": pages.contents(), "name": "words"}
    return _shown(request, "admin/help/words.html", context)


def _shown(request: HttpRequest, template: str, context: Mapping[str, object]) -> HttpResponse:
    # The shell comes from the context processor.
    return TemplateResponse(request, template, {"has_permission": True, "is_popup": False, **context})


PAGES = (
    Page("help/", "help", contents),
    Page("help/words/", "help_words", words),
    Page("help/<slug:name>/", "help_page", page),
)
