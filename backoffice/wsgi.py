"""The door for a WSGI server (gunicorn)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

from backoffice import starting

os.umask(0o077)  # a database, an upload in /tmp: nobody's but the own user's
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")

django = starting.application(get_wsgi_application)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Django, for which everything is UTF-8 whatever charset a request names.

    It believes each that Python knows and reads the address by it before there is anybody to catch an error: `rot13`
    makes no text of bytes, and the server wrote a traceback for it.
    """
    parts = environ.get("CONTENT_TYPE", "").split(";")
    environ["CONTENT_TYPE"] = ";".join(part for part in parts if not part.strip().lower().startswith("charset"))
    return django(environ, start_response)
