"""A session ends after a while without anybody at the keyboard, and at the latest so long after the log-in."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

BEGAN, TOUCHED = "session_began", "session_touched"
WRITTEN_EVERY = 60.0  # seconds: a session that is looked at on each page need not be written on each
BY_ITSELF = ("/live/",)  # what a page asks for without anybody: it keeps no session alive


class SessionLimits:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        user_logged_in.connect(_begin, dispatch_uid="session_limits")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.path.startswith(reverse("admin:index")):
            _look(request.session, by_itself=request.path.endswith(BY_ITSELF))
        return self.get_response(request)


def _begin(sender: object, request: HttpRequest, **signal: object) -> None:
    request.session[BEGAN] = time.time()
    _touch(request.session, time.time())


def _look(session: SessionBase, *, by_itself: bool) -> None:
    if SESSION_KEY not in session:
        return
    now = time.time()
    touched = session.get(TOUCHED, now)
    if now - session.setdefault(BEGAN, now) > settings.SESSION_MAX_SECONDS or (
        now - touched > settings.SESSION_IDLE_SECONDS
    ):
        session.flush()
    elif not by_itself and (TOUCHED not in session or now - touched > _often()):
        _touch(session, now)


def _often() -> float:
    return min(WRITTEN_EVERY, settings.SESSION_IDLE_SECONDS / 10)


def _touch(session: SessionBase, now: float) -> None:
    """The row in the database ends then, whatever the browser keeps."""
    left = session[BEGAN] + settings.SESSION_MAX_SECONDS - now
    session[TOUCHED] = now
    session.set_expiry(max(1, round(min(settings.SESSION_IDLE_SECONDS + _often(), left))))
