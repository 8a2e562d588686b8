"""Requests that no browser makes are refused before anything reads them."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from backoffice.views import bad_request

NUL = "\x00"  # PostgreSQL stores it in no text and refuses even to compare with one


def readable(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Comes before the session is read: a cookie is a text that is looked for in the database as well.

    The fields of a form are not looked at here; each field refuses such a text itself, in words beside it.
    """

    def answered(request: HttpRequest) -> HttpResponse:
        query = request.META.get("QUERY_STRING", "")
        if not (_holds_nul(request, query) or _is_too_much(query)):
            return get_response(request)
        with translation.override(translation.get_language_from_request(request)):
            return bad_request(request)

    return answered


def _holds_nul(request: HttpRequest, query: str) -> bool:
    return any(NUL in text for text in (request.path_info, unquote(query), *request.COOKIES.values()))


def _is_too_much(query: str) -> bool:
    """Django refuses to read so many parameters each time it is asked for them, also while it reports that."""
    return query.count("&") >= (settings.DATA_UPLOAD_MAX_NUMBER_FIELDS or 0)
