"""The card of one client, that answers the phone: what they got, what comes next, and what can be done about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Exists, Max, Model, OuterRef, Q
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from mailing.admin.clients.known import tables
from mailing.admin.common import pills
from mailing.admin.common.base import SamovarModelAdmin
from mailing.admin.common.pages import POST, View, form_of, undoable, user_of
from mailing.choices import Audience, DeliveryStatus, SuppressionReason, UndoKind
from mailing.errors import NotAllowed, Refused
from mailing.formatting import num, pill, when
from mailing.forms.clients import ClientForm
from mailing.furniture import Button, Card, ChangePage
from mailing.models import Client, Delivery, Mailing, Suppression, light
from mailing.models.mailings import MailingQuerySet
from mailing.services.access import permissions, undos
from mailing.services.clients import disclosure, erasure, persons, suppression

LISTED = 20
GLANCED = 5
COMING = 5


@dataclass(frozen=True)
class ClientSummary:
    sent: int
    last_sent_at: datetime | None
    deliveries: list[Delivery]  # the newest
    number_of_deliveries: int
    coming: list[Mailing]  # by their next send

    @property
    def newest(self) -> list[Delivery]:
        """As many as are seen at a glance; the others are folded."""
        return self.deliveries[:GLANCED]

    @property
    def older(self) -> list[Delivery]:
        return self.deliveries[GLANCED:]

    @property
    def next_send_at(self) -> datetime | None:
        return self.coming[0].next_run_at if self.coming else None


class ClientChangePage(SamovarModelAdmin[Client]):
    def get_change_page(self, request: HttpRequest, obj: Client) -> ChangePage:
        known = summary_of(obj)
        entry = obj.suppression
        return ChangePage(
            title=obj.full_name or obj.email,
            pill=pills.receives(entry.reason) if entry else pill(_("gets mail"), "green"),
            cards=[
                Card(_("Letters sent"), known.sent),
                Card(_("Last letter"), when(known.last_sent_at)),
                Card(_("Next letter"), when(known.next_send_at)),
            ],
            buttons=self._buttons(request, obj),
            context={"summary": known},
        )

    def _buttons(self, request: HttpRequest, obj: Client) -> list[Button]:
        buttons = []
        if obj.suppression and permissions.may_return_letters(user_of(request)):
            url = self.url("lift", obj.pk)
            buttons.append(Button(_("Return to mailings"), url, method="post", icon="return"))
        if not obj.suppression and permissions.may_stop_letters(user_of(request)):
            buttons.append(Button(_("Stop letters"), self.url("stop", obj.pk), method="post", icon="stop"))
        if self._may_disclose(request):
            label, url = _("What is known of them…"), self.url("known", obj.pk)
            buttons.append(Button(label, url, method="post", icon="eye", more=True))
        if self.has_delete_permission(request, obj):
            label, url = _("Forget the client…"), self.url("forget", obj.pk)
            buttons.append(Button(label, url, danger=True, icon="trash", more=True))
        return buttons

    # --- saving ------------------------------------------------------------------------------------------

    def get_form(
        self, request: HttpRequest, obj: Client | None = None, change: bool = False, **kwargs: object
    ) -> Any:
        return form_of(request, super().get_form(request, obj, change=change, **kwargs))

    def save_model(self, request: HttpRequest, obj: Client, form: ModelForm[Client], change: bool) -> None:
        """The address before is remembered; a stop that somebody decided goes along to the new one."""
        before = form.email_before if change and isinstance(form, ClientForm) else obj.email
        persons.keep_address(obj, before)
        super().save_model(request, obj, form, change)
        if before != obj.email and suppression.follow(before, obj.email, by=user_of(request)):
            messages.warning(request, _("No letters go to the new address either: it is on the stop list now, too."))

    # --- read-only fields --------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("receives mail"))
    def receives_now(self, client: Client) -> SafeString | str:
        entry = client.suppression
        if entry is None:
            return _("Yes")
        since = date_format(timezone.localtime(entry.created_at), "SHORT_DATE_FORMAT")
        words = _("No: %(reason)s, since %(day)s") % {"reason": entry.get_reason_display(), "day": since}
        if entry.attempt is None:
            return words
        url = reverse("admin:mailing_attempt_change", args=[entry.attempt.pk])
        return format_html('{} (<a href="{}">{}: {}</a>)', words, url, entry.attempt, entry.attempt.mailing)

    @admin.display(description=gettext_lazy("recipient of"))
    def mailings_list(self, client: Client) -> SafeString | str:
        if not client.number_of_mailings:
            return _to_everyone(client) or _("Not a recipient of any mailing yet")
        shown = _newest_mailings(client)
        rest = client.number_of_mailings - len(shown)
        more = ngettext("and %(n)s more", "and %(n)s more", rest) % {"n": num(rest)} if rest else ""
        return format_html("{} {}", _linked(shown), more)

    @admin.display(description=gettext_lazy("changed"))
    def changed(self, client: Client) -> SafeString | str:
        return when(client.updated_at)

    # --- what its buttons do -----------------------------------------------------------------------------

    def get_pages(self) -> list[tuple[str, View]]:
        return [
            *super().get_pages(),
            ("<int:pk>/stop/", self.stop_view),
            ("<int:pk>/lift/", self.lift_view),
            ("<int:pk>/known/", self.known_view),
            ("<int:pk>/forget/", self.forget_view),
        ]

    @POST
    def stop_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        client = self.find(request, pk)
        if not permissions.may_stop_letters(user_of(request)):
            raise PermissionDenied

        user = user_of(request)
        undo = undos.begin(UndoKind.STOP, by=user) if permissions.may_return_letters(user) else None

        def act() -> Suppression:
            return suppression.suppress(client.email, SuppressionReason.MANUAL, by=user, undo=undo)

        said = undoable(request, _("No more letters will go to this client."), undo)
        return self.perform(request, act, said=said, back=self.url("change", pk))

    @POST
    def lift_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        client = self.find(request, pk)
        if not permissions.may_return_letters(user_of(request)):
            raise PermissionDenied

        undo = undos.begin(UndoKind.LIFT, by=user_of(request))

        def act() -> int:
            entries = Suppression.objects.filter(email=client.email)
            return suppression.lift_many(entries, by=user_of(request), undo=undo)

        said = undoable(request, _("Letters go to this client again."), undo)
        return self.perform(request, act, said=said, back=self.url("change", pk))

    def _link(self, row: Model) -> dict[str, str]:
        name = f"{self.admin_site.name}:{row._meta.app_label}_{row._meta.model_name}_change"
        return {"url": reverse(name, args=[row.pk]), "name": str(row)}

    def _may_disclose(self, request: HttpRequest) -> bool:
        """It leaves the house, as an export does."""
        return request.user.has_perm("mailing.export_client")

    @POST
    def known_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """All that is known of the client, to be read or as a `file`. A POST, for the journal tells of it."""
        client = self.find(request, pk)
        if not self._may_disclose(request):
            raise PermissionDenied
        as_file = "file" in request.POST
        known = disclosure.about(persons.of(client), by=user_of(request), as_file=as_file)
        if as_file:
            response = HttpResponse(disclosure.as_json(known), content_type="application/json")
            response["Content-Disposition"] = f'attachment; filename="client-{client.pk}.json"'
            return response
        title = _("What is known of %(client)s") % {"client": client}
        return self.page(request, client, "known", title, {"tables": tables(known)})

    def forget_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """GET asks; POST erases."""
        client = self.find(request, pk)
        if not self.has_delete_permission(request, client):
            raise PermissionDenied
        if request.method != "POST":
            person = persons.of(client)
            context = {
                "deliveries": client.deliveries.count(),
                "stopped": Suppression.objects.filter(email__in=person.emails).exists(),
                "authored": [self._link(row) for row in disclosure.authored(person)],
            }
            return self.page(request, client, "forget", _("Forget the client"), context)
        try:
            erasure.forget(client, by=user_of(request))
        except NotAllowed as refusal:
            raise PermissionDenied(str(refusal)) from refusal
        except Refused as refusal:
            messages.error(request, str(refusal))
            return HttpResponseRedirect(self.url("change", pk))
        messages.success(request, _("The client is forgotten: no personal data is left."))
        return HttpResponseRedirect(self.url("changelist"))


# --- what is known of a client -----------------------------------------------------------------------------


def summary_of(client: Client) -> ClientSummary:
    """Four queries, however much the client got."""
    sums = client.deliveries.aggregate(
        all=Count("pk"),
        sent=Count("pk", filter=Q(status=DeliveryStatus.SENT)),
        last=Max("updated_at", filter=Q(status=DeliveryStatus.SENT)),
    )
    return ClientSummary(
        sent=sums["sent"],
        last_sent_at=sums["last"],
        deliveries=_deliveries(client),
        number_of_deliveries=sums["all"],
        coming=[] if client.suppression else list(_coming(client).with_subject()[:COMING]),
    )


def _newest_mailings(client: Client) -> list[Mailing]:
    """Of those the client was chosen for."""
    return list(Mailing.objects.with_subject().filter(clients=client).order_by("-created_at", "-pk")[:LISTED])


def _to_everyone(client: Client) -> SafeString | str:
    """What goes to everyone, and so to them as well; names the next few."""
    if client.suppression is not None:
        return ""
    found = _planned().filter(audience=Audience.EVERYONE).order_by("next_run_at")
    shown = list(found.with_subject()[: COMING + 1])
    if not shown:
        return ""
    number = len(shown) if len(shown) <= COMING else found.count()
    words = _("Not added anywhere by name. Gets what goes to everyone (%(n)s):") % {"n": num(number)}
    return format_html("{} {}", words, _linked(shown[:COMING]))


def _linked(mailings: list[Mailing]) -> SafeString:
    links = [(reverse("admin:mailing_mailing_change", args=[row.pk]), row) for row in mailings]
    return format_html_join(", ", '<a href="{}">{}</a>', links)


def _deliveries(client: Client) -> list[Delivery]:
    newest = client.deliveries.select_related("attempt__mailing__message").order_by("-pk")
    return list(newest.defer("attempt__response", *light.attempt("attempt"))[:LISTED])


def _coming(client: Client) -> MailingQuerySet:
    mine = Exists(Mailing.clients.through.objects.filter(mailing=OuterRef("pk"), client=client.pk))
    return _planned().filter(Q(audience=Audience.EVERYONE) | mine).order_by("next_run_at")


def _planned() -> MailingQuerySet:
    return Mailing.objects.active().filter(next_run_at__isnull=False)
