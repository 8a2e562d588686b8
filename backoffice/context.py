"""What stands around every page: navigation, mode, warnings. For templates, as the lazy variable `shell`.

A context processor and not `each_context`, because the pages 403, 404 and 500 have the same shell.
Nothing is computed, and no query made, before a template asks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, pgettext

from mailing import guests
from mailing.furniture import Notice
from mailing.guests import Mode, Offer
from mailing.guide import pages as guide
from mailing.models import AccessEvent, Attempt
from mailing.services.access import second_factor
from mailing.services.operations import health

NOT_FOR_STAFF = {
    "no_cluster": gettext_noop("The scheduler is not running: no letters will be sent."),
    "workers": gettext_noop("The scheduler does not answer: no letters will be sent."),
}
FOR_ADMINISTRATORS = ("no_cluster", "workers", "parked", "disabled", "copy")


@dataclass(frozen=True)
class Link:
    """One entry of the navigation."""

    label: str
    url: str
    icon: str
    is_current: bool = False
    badge: int = 0
    is_sub: bool = False
    is_extra: bool = False  # not among the five at the bottom of the phone


def shell(request: HttpRequest) -> dict[str, Any]:
    return {"shell": Shell(request)}


class Shell:
    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self.user = getattr(request, "user", None)

    @cached_property
    def is_staff(self) -> bool:
        """With all steps of the log-in behind them."""
        return bool(
            self.user and self.user.is_active and self.user.is_staff and admin.site.has_permission(self.request)
        )

    @property
    def has_second_factor(self) -> bool:
        """Whether this installation has such a page."""
        return second_factor.is_on()

    @cached_property
    def sections(self) -> list[Link]:
        """The sections this person may see, in the order of the working day."""
        links = [
            self._page(_("Overview"), "admin:index", "home"),
            self._list(_("Mailings"), "mailing", "send", badge=Attempt.objects.running().count),
            self._calendar(),
            self._list(_("Messages"), "message", "mail"),
            self._list(_("Clients"), "client", "users"),
            self._list(_("Stop list"), "suppression", "stop", is_sub=True),
            self._list(_("Attempts"), "attempt", "history", also=("admin:mailing_delivery_changelist",)),
        ]
        brought = [section for guest in guests.installed() for section in guest.sections()]
        links += [
            self._page(section.label, section.page, section.icon, is_extra=True)
            for section in brought
            if self.user and (not section.right or self.user.has_perm(section.right))
        ]
        found = [link for link in links if link]
        current = max((link for link in found if link.is_current), key=lambda link: len(link.url), default=None)
        return [replace(link, is_current=link is current) for link in found]

    @cached_property
    def system(self) -> list[Link]:
        """Everything else that is registered, for superusers; of it the access log, for whoever may see it."""
        if not self.user or not self.is_staff:
            return []
        others: dict[type[Model], Any] = {AccessEvent: admin.site._registry[AccessEvent]}
        if self.user.is_superuser:
            others |= {m: screen for m, screen in admin.site._registry.items() if m._meta.app_label != "mailing"}
        links = [
            self._list(str(getattr(screen, "list_title", "")), model._meta.model_name, "", model)
            for model, screen in others.items()
        ]
        return [link for link in links if link]

    @cached_property
    def is_system(self) -> bool:
        """Whether the current page belongs to the group "System" (it is unfolded then)."""
        return any(link.is_current for link in self.system)

    @cached_property
    def banners(self) -> list[Notice]:
        """What keeps letters from going out. Who cannot mend it is told whom to ask."""
        return [self._banner(banner) for banner in health.banners()] if self.is_staff else []

    def _banner(self, banner: health.Banner) -> Notice:
        if banner.kind in FOR_ADMINISTRATORS and not (self.user and self.user.is_superuser):
            sentence = NOT_FOR_STAFF.get(banner.kind)
            told = _("Tell the administrator.")
            return Notice(f"{_(sentence) if sentence else banner.text} {told}", banner.tone)
        if banner.kind == "copy":
            label = _("Yes, write to the clients from here")
            return Notice(banner.text, banner.tone, reverse("admin:confirm_site"), label)
        return Notice(banner.text, banner.tone)

    @cached_property
    def mode(self) -> Mode | None:
        if not settings.MAILING_SENDING_ENABLED:
            return Mode(_("Sending is switched off"), "red")
        if of_guest := next(filter(None, (guest.mode() for guest in guests.installed())), None):
            return of_guest
        return Mode(pgettext("mode", "Test"), "amber") if settings.DEBUG else None

    @property
    def help(self) -> str:
        """Where the guide tells about this page."""
        found = self.request.resolver_match
        return guide.for_screen((found.url_name if found else None) or "")

    @cached_property
    def offers(self) -> list[Offer]:
        """What an empty installation may be begun with, beside the first steps."""
        if not (self.user and self.is_staff):
            return []
        return [offer for guest in guests.installed() for offer in guest.offers(self.user)]

    def _page(self, label: str, name: str, icon: str, *, is_sub: bool = False, is_extra: bool = False) -> Link | None:
        try:
            url = reverse(name)
        except NoReverseMatch:
            return None
        if not self.is_staff:
            return None
        return Link(label, url, icon, is_current=self.request.path == url, is_sub=is_sub, is_extra=is_extra)

    def _calendar(self) -> Link | None:
        if not self.user or not self.user.has_perm("mailing.view_mailing"):
            return None
        return self._page(_("Calendar"), "admin:mailing_mailing_calendar", "calendar", is_sub=True)

    def _list(
        self,
        label: str,
        model_name: str | None,
        icon: str,
        model: type[Model] | None = None,
        *,
        badge: Callable[[], int] | None = None,
        is_sub: bool = False,
        also: Sequence[str] = (),
    ) -> Link | None:
        """`also`: other lists that belong to this section."""
        app = model._meta.app_label if model else "mailing"
        if not self.is_staff or not self.user or not self.user.has_perm(f"{app}.view_{model_name}"):
            return None
        try:
            url = reverse(f"admin:{app}_{model_name}_changelist")
        except NoReverseMatch:
            return None
        current = self.request.path.startswith((url, *(reverse(name) for name in also)))
        label = label[:1].upper() + label[1:]
        return Link(label, url, icon, is_current=current, badge=badge() if badge else 0, is_sub=is_sub)
