"""Somebody at the door: from an address, with a browser that keeps its cookies."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client as Browser

from tests.factories import UserFactory

RIGHT = "four words of mine"
LOGIN = "/admin/login/"


def member(name: str = "anna", **fields: Any) -> User:
    user = UserFactory(username=name, **fields)
    user.set_password(RIGHT)
    user.save()
    return user


def knock(
    browser: Browser | None = None,
    *,
    name: str = "anna",
    password: str = "guessed",
    at: str = "203.0.113.7",
    **headers: str,
) -> HttpResponse:
    """One try to log in, straight from an address."""
    data = {"username": name, "password": password}
    return (browser or Browser()).post(LOGIN, data, REMOTE_ADDR=at, **headers)  # type: ignore[return-value]


def through(forwarded: str, **given: Any) -> HttpResponse:
    """One try through the proxy on this machine, which wrote (or passed on) this X-Forwarded-For."""
    return knock(at="127.0.0.1", HTTP_X_FORWARDED_FOR=forwarded, **given)
