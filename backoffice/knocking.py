"""Who knocks: the address a request comes from, as TRUST_PROXY says, and the devices known here."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from mailing.services.access import trail
from mailing.services.access.origins import Origin, clean

KNOWN_FOR = 90 * 24 * 3600
MOST_USERS = 8  # of one browser
SALT = "samovar.known-device"


def client_address(request: HttpRequest) -> str:
    """The address of the client: the only place that reads it. Empty when nobody knows.

    Behind a proxy the last entry of X-Forwarded-For was written by that proxy (the one before by the proxy before it,
    when there are TRUSTED_PROXY_COUNT of them); whatever stands further left anybody may have sent. Several headers
    reach us as one, in their order.
    """
    peer = clean(str(request.META.get("REMOTE_ADDR") or ""))
    if not settings.TRUST_PROXY:
        return peer
    hops = [hop for hop in str(request.META.get("HTTP_X_FORWARDED_FOR") or "").split(",") if hop.strip()]
    told = clean(hops[-min(settings.TRUSTED_PROXY_COUNT, len(hops))]) if hops else ""
    return told or peer


def address_for_axes(request: HttpRequest) -> str | None:
    return client_address(request) or None


def origin_of(request: HttpRequest, name: str = "") -> Origin:
    """Where the request comes from; with the name of a user, whether from a device they were seen with."""
    browser = "".join(sign for sign in str(request.META.get("HTTP_USER_AGENT") or "") if sign.isprintable())
    device = _devices(request).get(trail.key(name), "") if name else ""
    return Origin(address=client_address(request), browser=browser[:255], device=device)


def remember_device(request: HttpRequest, response: HttpResponseBase, name: str) -> None:
    """This user logged in here: from now on strangers cannot keep this device out."""
    known = _devices(request)
    mark = known.pop(trail.key(name), "") or secrets.token_hex(8)
    kept = [*known.items()][-(MOST_USERS - 1) :]
    response.set_cookie(
        settings.KNOWN_DEVICE_COOKIE_NAME,
        signing.dumps(dict([*kept, (trail.key(name), mark)]), salt=SALT, compress=True),
        max_age=KNOWN_FOR,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _devices(request: HttpRequest) -> dict[str, str]:
    """The marks of this browser, by the key of the user's name."""
    cookie = request.COOKIES.get(settings.KNOWN_DEVICE_COOKIE_NAME, "")
    try:
        found = signing.loads(cookie, salt=SALT, max_age=KNOWN_FOR) if cookie else {}
    except signing.BadSignature:
        return {}
    return found if isinstance(found, dict) else {}


class AccessLogMiddleware:
    """Whatever a request changes about users and rights is written down as done by its user, from their address."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        def caller() -> tuple[str, Origin]:
            name = request.user.get_username()
            return name, origin_of(request, name)

        with trail.on_behalf_of(caller):
            return self.get_response(request)
