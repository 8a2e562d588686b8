"""What is shown when something went wrong. Each page works without a database, too."""

from __future__ import annotations

import logging
import secrets
import sys

from django.core.exceptions import SuspiciousOperation
from django.db import Error as AnyDatabaseError
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from backoffice import mistakes
from mailing.errors import Refused, lacks_tables

logger = logging.getLogger(__name__)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """What a person can do about it stands there when we refused the request ourselves."""
    context = {"sentence": str(exception) if isinstance(exception, Refused) else ""}
    try:
        html = render_to_string("400.html", context, request)
    except (SuspiciousOperation, LookupError):  # parameters that cannot be read break the page of the mistake, too
        html = render_to_string("400.html", context)
    return HttpResponse(html, status=400)


def server_error(request: HttpRequest, template_name: str = "500.html") -> HttpResponse:
    """The page with a code that stands in the log, too, beside the traceback."""
    code = secrets.token_hex(2).upper()
    error = sys.exc_info()[1]
    logger.error("error %s: %s %s", code, request.method, request.path, exc_info=error)
    if error is not None:
        mistakes.tell(request, error, code)
    status = 500
    no_tables = isinstance(error, AnyDatabaseError) and lacks_tables(error)
    if no_tables or isinstance(error, OperationalError | InterfaceError):  # or a full disk, a database that is away
        status, template_name = 503, "503.html"
    context = {"code": code, "no_tables": no_tables}
    try:
        html = render_to_string(template_name, context, request)
    except Exception:  # whatever broke the page (the database, mostly) may break its navigation as well
        logger.exception("error %s: shown without navigation", code)
        html = render_to_string(template_name, context)
    return HttpResponse(html, status=status)
