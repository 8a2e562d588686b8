"""Log-ins that are refused for guessing: axes asks here, `services.access.limits` decides.

Of axes we use the backend, which asks before a password is looked at, and the middleware, which answers with the
page. Its own tables stay empty: what happened stands in the access log.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from axes.handlers.base import AxesHandler
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from backoffice import knocking
from mailing.choices import AccessKind
from mailing.services.access import limits, trail

Credentials = dict[str, Any] | None


class AxesRequest(HttpRequest):
    """What the middleware of axes asks a request."""

    axes_locked_out: bool
    axes_credentials: Credentials


class AccessLogHandler(AxesHandler):
    def is_locked(self, request: HttpRequest, credentials: Credentials = None) -> bool:
        return locked_until(request, _name(credentials)) is not None

    def user_login_failed(
        self, sender: object, credentials: Credentials, request: AxesRequest | None = None, **signal: object
    ) -> None:
        if request is None:
            return
        request.axes_locked_out = failed(request, _name(credentials), refused=request.axes_locked_out)
        request.axes_credentials = credentials

    def user_logged_in(self, sender: object, request: HttpRequest, user: User, **signal: object) -> None:
        name = user.get_username()
        trail.record(AccessKind.LOGGED_IN, name, origin=knocking.origin_of(request, name), by="")

    def user_logged_out(self, sender: object, request: HttpRequest, user: User | None, **signal: object) -> None:
        if user is not None:
            name = user.get_username()
            trail.record(AccessKind.LOGGED_OUT, name, origin=knocking.origin_of(request, name), by="")


def locked_until(request: HttpRequest, name: str) -> datetime | None:
    return limits.locked_until(name, knocking.origin_of(request, name))


def failed(request: HttpRequest, name: str, *, kind: AccessKind = AccessKind.FAILED, refused: bool = False) -> bool:
    """Writes a failure down; whether this one was too many, or the person was locked out before."""
    origin = knocking.origin_of(request, name)
    if refused:
        trail.refused(name, origin)
        return True
    trail.record(kind, name, origin=origin, by="")
    if limits.locked_until(name, origin) is None:
        return False
    trail.record(AccessKind.LOCKED_OUT, name, origin=origin, by="")
    return True


def response(request: HttpRequest, original: object, credentials: Credentials = None) -> HttpResponse:
    """The page for who is locked out: until when, and what else helps."""
    return page(request, _name(credentials))


def page(request: HttpRequest, name: str) -> HttpResponse:
    until = locked_until(request, name) or timezone.now()
    answer = render(request, "admin/locked_out.html", {"until": until}, status=429)
    answer["Retry-After"] = str(max(1, round((until - timezone.now()).total_seconds())))
    return answer


def _name(credentials: Credentials) -> str:
    return str((credentials or {}).get("username") or "")
