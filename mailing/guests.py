"""What an app beside the product may bring along: pages, entries of the navigation, a mode, offers to begin with.

An app is a guest by its AppConfig. The product asks those that are installed and imports none of them: any of them
may be left out of INSTALLED_APPS, or of the installation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.apps import AppConfig, apps
from django.http import HttpResponseBase

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@dataclass(frozen=True)
class Page:
    """An address below /admin/, for staff; the view itself asks for whatever more it takes."""

    route: str
    name: str
    view: Callable[..., HttpResponseBase]


@dataclass(frozen=True)
class Section:
    """An entry of the navigation, after the product's own. `page` names the address, `right` is what it takes."""

    label: str
    page: str
    icon: str
    right: str = ""


@dataclass(frozen=True)
class Mode:
    """What makes this installation different from production."""

    label: str
    tone: str


@dataclass(frozen=True)
class Offer:
    """Another way to begin, beside the first steps: a question, and a button that posts to the address `page`."""

    question: str
    label: str
    page: str


class Guest(AppConfig):
    """Each question is asked anew for every page of the admin, but `pages`: once, when the addresses are made.

    `forget` is no question: it is told.
    """

    def pages(self) -> Iterable[Page]:
        return ()

    def sections(self) -> Iterable[Section]:
        return ()

    def mode(self) -> Mode | None:
        return None

    def offers(self, user: User) -> Iterable[Offer]:
        return ()

    def forget(self, is_told_in: Callable[[str], bool]) -> None:
        """Somebody is forgotten: what the guest keeps beside the database and tells of them goes."""


def installed() -> Iterator[Guest]:
    return (config for config in apps.get_app_configs() if isinstance(config, Guest))
