"""The tab Recipients: who gets the letter, who is new or gets nothing and why; put in and taken out right there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from mailing.admin.common.base import Context
from mailing.admin.common.pages import View, user_of
from mailing.admin.mailings import audience_text
from mailing.admin.mailings.recipients_list import CandidateScreen, RecipientScreen, tell_added
from mailing.admin.mailings.tabs import MailingTabs
from mailing.choices import Audience, MailingStatus
from mailing.forms.mailings import PastedForm
from mailing.furniture import Button
from mailing.models import Client, Mailing
from mailing.services.mailings import recipients
from mailing.services.mailings.recipients import Pasted
from mailing.services.reports import statistics

NAMED = 50  # of the addresses that were not found


@dataclass(frozen=True)
class Named:
    """The first of many texts, and how many more there are."""

    shown: Sequence[str]
    rest: int


class RecipientsTab(MailingTabs):
    def get_pages(self) -> list[tuple[str, View]]:
        return [
            *super().get_pages(),
            ("<int:pk>/recipients/", self.recipients_view),
            ("<int:pk>/add-recipients/", self.add_recipients_view),
            ("<int:pk>/paste-recipients/", self.paste_recipients_view),
        ]

    def recipients_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The list, and on POST the removal of who was ticked or found."""
        mailing = self.find(request, pk)
        may_change = self._may_change_recipients(request, mailing)
        buttons = self._ways_in(request, mailing) if may_change else []
        screen = RecipientScreen(mailing, self.admin_site, may_change=may_change, ways_in=buttons)
        _require_sight(request)
        is_finished = mailing.status == MailingStatus.FINISHED
        context = {
            "forecast": "" if is_finished else audience_text.next_run(screen.figures),
            "parts": screen.parts(request),
            "to_everyone": mailing.audience == Audience.EVERYONE,
            "not_receiving": self._left_out(mailing),
            "kind_url": f"{self.url('schedule', pk)}#id_audience_0" if self._may_choose(request, mailing) else "",
            "ways_in": buttons,
        }
        return screen.changelist_view(request, self._around_list(request, mailing) | context)

    def add_recipients_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The clients who are not in yet, and on POST their addition."""
        mailing = self._to_be_changed(request, pk)
        screen = CandidateScreen(mailing, self.admin_site, may_change=True)
        context = {"paste_url": self.url("paste-recipients", pk), "back": self.url("recipients", pk)}
        return screen.changelist_view(request, self._around_list(request, mailing) | context)

    def paste_recipients_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A list of addresses. Where one of them is unknown or wrong, nobody is added before somebody has seen it."""
        mailing = self._to_be_changed(request, pk)
        form = PastedForm(request.POST if request.method == "POST" else None)
        found = form.cleaned_data["addresses"] if form.is_valid() else None
        if found and found.known and (found.is_clean or "known_only" in request.POST):
            clients = Client.objects.filter(pk__in=found.known)
            tell_added(request, recipients.add_to_mailing(mailing, clients, by=user_of(request)))
            return HttpResponseRedirect(self.url("recipients", pk))
        context = self._around_recipients(request, mailing) | {"form": form, "back": self.url("recipients", pk)}
        if found:
            context |= _sorted_out(found) | {
                "import_url": self._import_url(request, mailing) if found.unknown else ""
            }
        return self.page(request, mailing, "paste_recipients", str(mailing), context)

    # --- who may ---------------------------------------------------------------------------------------

    def _may_change_recipients(self, request: HttpRequest, mailing: Mailing) -> bool:
        """As from the list of clients: a mailing with a list of its own, that is not finished."""
        is_open = recipients.open_mailings(user_of(request)).filter(pk=mailing.pk)
        return request.user.has_perm("mailing.change_mailing") and is_open.exists()

    def _may_choose(self, request: HttpRequest, mailing: Mailing) -> bool:
        return mailing.audience == Audience.EVERYONE and self.has_change_permission(request, mailing)

    def _to_be_changed(self, request: HttpRequest, pk: int) -> Mailing:
        mailing = self.find(request, pk)
        _require_sight(request)
        if not self._may_change_recipients(request, mailing):
            raise PermissionDenied
        return mailing

    # --- what stands around ----------------------------------------------------------------------------

    def _around_recipients(self, request: HttpRequest, mailing: Mailing) -> Context:
        """The head of the tab, on the pages below it as well."""
        head = self._furnish_form(self.get_change_page(request, mailing), mailing)
        own = self.url("recipients", mailing.pk)
        head["tabs"] = [replace(link, is_current=link.url == own) for link in head["tabs"]]
        head["object_buttons"] = [replace(button, primary=False) for button in head["object_buttons"]]
        return head | {"subtitle": _("Recipients"), "original": mailing, "mailing": mailing}

    def _around_list(self, request: HttpRequest, mailing: Mailing) -> Context:
        """A list is of clients, what stands above it of the mailing."""
        words = {"mailing_opts": self.opts, "mailings_title": self.list_title}
        return self._around_recipients(request, mailing) | words

    def _ways_in(self, request: HttpRequest, mailing: Mailing) -> list[Button]:
        add = Button(_("Add clients"), self.url("add-recipients", mailing.pk), primary=True, icon="plus")
        url = self._import_url(request, mailing)
        return [add, *([Button(_("Load a file"), url, icon="upload")] if url else [])]

    def _import_url(self, request: HttpRequest, mailing: Mailing) -> str:
        if not request.user.has_perm("mailing.import_client"):
            return ""
        return f"{reverse('admin:mailing_client_import')}?mailing={mailing.pk}"

    def _left_out(self, mailing: Mailing) -> int:
        """Clients on the stop list, whom “everyone” does not hold."""
        return statistics.stopped() if mailing.audience == Audience.EVERYONE else 0


def recipients_url(mailing: Mailing) -> str:
    """Where the recipients of a mailing are seen and changed."""
    return reverse("admin:mailing_mailing_recipients", args=[mailing.pk])


def _require_sight(request: HttpRequest) -> None:
    """Names and addresses stand here."""
    if not user_of(request).has_perm("mailing.view_client"):
        raise PermissionDenied


def _sorted_out(found: Pasted) -> Context:
    return {
        "known": len(found.known),
        "unknown": Named(found.unknown[:NAMED], max(0, len(found.unknown) - NAMED)),
        "wrong": Named(found.wrong[:NAMED], max(0, len(found.wrong) - NAMED)),
    }
