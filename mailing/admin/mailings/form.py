"""The page of one mailing: what, to whom, when; and what saving it makes happen."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from mailing import formatting
from mailing.admin.common import pills
from mailing.admin.common.base import Context, Unchangeable
from mailing.admin.common.pages import undo, user_of
from mailing.admin.mailings.pages import MailingPages, plan_context, running
from mailing.choices import AttemptStatus, Audience, MailingStatus
from mailing.errors import NotAllowed
from mailing.formatting import Tone, error_tone, num, spoken, when
from mailing.forms.mailings import MailingForm
from mailing.furniture import Button, Card, Notice
from mailing.models import Attempt, Client, Mailing
from mailing.services.access import permissions, site_guard
from mailing.services.mailings import forecast, lifecycle, occurrences, recipients
from mailing.services.reports import statistics

if TYPE_CHECKING:
    FormSet = BaseInlineFormSet[Attempt, Mailing, Any]
    Inline = admin.TabularInline[Attempt, Mailing]
else:
    FormSet, Inline = BaseInlineFormSet, admin.TabularInline

LATEST = 10
Fieldsets = Any  # the stubs name a private type


class ShownOnly(FormSet):
    """The newest rows; whatever is posted for them is not even read."""

    new_objects: list[Any] = []
    changed_objects: list[Any] = []
    deleted_objects: list[Any] = []

    def __init__(self, data: Any = None, files: Any = None, **kwargs: Any) -> None:
        super().__init__(None, None, **kwargs)

    def get_queryset(self) -> QuerySet[Attempt]:
        if not hasattr(self, "_queryset"):
            self._queryset = super().get_queryset()[:LATEST]
        return self._queryset

    def is_valid(self) -> bool:
        return True

    def save(self, commit: bool = True) -> list[Attempt]:
        return []


class LatestAttempts(Unchangeable, Inline):
    """The ten newest runs, read-only; the rest is one click away."""

    model = Attempt
    formset = ShownOnly
    template = "admin/mailing/mailing/_attempts.html"
    verbose_name_plural = gettext_lazy("Latest attempts")
    extra = 0
    can_delete = False
    fields = ("status",)
    readonly_fields = ("status",)

    @property
    def media(self) -> forms.Media:
        return forms.Media()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Attempt]:
        return super().get_queryset(request).select_related("started_by").defer("html_body", "text_body", "reasons")


class MailingScreen(MailingPages):
    form = MailingForm
    inlines = (LatestAttempts,)
    autocomplete_fields = ("message",)
    change_form_template = "admin/mailing/mailing/change_form.html"
    deletion_labels = {"mailing.Mailing_clients": gettext_lazy("places of recipients (the clients stay)")}

    # --- what stands on the form -----------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: Mailing | None = None) -> Fieldsets:
        zone = _("All times: %(zone)s.") % {"zone": formatting.zone_name()}
        draft = ["is_paused"] if obj is None or obj.is_paused else []
        whom = ["audience", *(["add_clients"] if self.may_change(request, obj) else [])]
        return [
            (_("What"), {"fields": ["name", "message"]}),
            (_("To whom"), {"fields": whom}),
            (_("When"), {"fields": ["start_at", "end_at", "periodicity", *draft], "description": zone}),
            (_("Sender"), {"fields": ["from_name", "reply_to"], "classes": ["collapse"]}),
        ]

    def get_inlines(self, request: HttpRequest, obj: Mailing | None) -> Any:
        return self.inlines if obj else ()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.may_send = permissions.may_send(user_of(request))
        form.everyone_label = f"{Audience.EVERYONE.label} ({num(statistics.receiving())})"
        if "message" in form.base_fields:
            form.base_fields["message"].widget.can_delete_related = False
        if "from_name" in form.base_fields:
            form.base_fields["from_name"].help_text = _("Empty: %(sender)s.") % {
                "sender": settings.DEFAULT_FROM_EMAIL
            }
        return form

    def may_change(self, request: HttpRequest, obj: Mailing | None) -> bool:
        return self.has_change_permission(request, obj) if obj else self.has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Mailing | None = None) -> bool:
        return super().has_change_permission(request, obj) and _free(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Mailing | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _free(request, obj)

    def render_change_form(self, request: HttpRequest, context: Context, *args: Any, **kwargs: Any) -> HttpResponse:
        form = context["adminform"].form
        obj: Any = kwargs.get("obj")
        if obj:
            obj.sending, obj.to_whom = running(obj), statistics.recipients(obj)  # asked for by several parts below
        context["plan"] = plan_context(form) if self.may_change(request, obj) else None
        context["live"] = obj.sending if obj else None
        context["attempts_total"] = obj.attempts.count() if obj else 0
        return super().render_change_form(request, context, *args, **kwargs)

    # --- around the form -------------------------------------------------------------------------------

    def get_pill(self, request: HttpRequest, obj: Any) -> SafeString:
        return pills.mailing(obj, sending=obj.sending is not None)

    def get_buttons(self, request: HttpRequest, obj: Any) -> list[Button]:
        sends = permissions.may_send(user_of(request))
        items: list[Button] = []
        if sends:
            is_next = not obj.is_paused and not obj.sending
            items.append(Button(_("Send now"), self.url("send", obj.pk), primary=is_next, icon="send"))
        if super().has_change_permission(request, obj):
            items.append(Button(_("Test to me"), self.url("test", obj.pk), icon="test"))
        items.append(Button(_("Preview"), self.url("preview", obj.pk), icon="eye"))
        if sends and obj.status != MailingStatus.FINISHED:
            items.append(self._pause_or_resume(obj))
        if sends:
            items.append(Button(_("Rehearse"), self.url("dry-run", obj.pk), icon="check", more=True))
        if self.has_add_permission(request):
            items.append(Button(_("Copy"), self.url("copy", obj.pk), method="post", icon="copy", more=True))
        if sends and obj.is_active:
            items.append(Button(_("Finish…"), self.url("finish", obj.pk), icon="flag", more=True))
        return items

    def _pause_or_resume(self, obj: Mailing) -> Button:
        if obj.is_paused:
            return Button(_("Resume"), self.url("resume", obj.pk), method="post", primary=True, icon="play")
        url = self.url("pause", obj.pk)
        return Button(pgettext("mailing", "Pause"), url, method="post", icon="pause")

    def get_object_cards(self, request: HttpRequest, obj: Any) -> list[Card]:
        last = obj.attempts.defer("html_body", "text_body", "reasons").first()
        sums = statistics.totals(obj.attempts.all())
        errors = sums.failed + sums.unconfirmed
        return [
            Card(_("Recipients"), obj.to_whom, note=_("show and change"), url=recipients_url(obj)),
            Card(_("Next send"), when(obj.next_run_at), note=_next_note(obj)),
            _last_card(last),
            Card(
                _("Accepted in all"),
                sums.sent,
                note=_("errors: %(n)s") % {"n": num(errors)},
                tone=error_tone(sums.error_share),
            ),
        ]

    def get_notices(self, request: HttpRequest, obj: Mailing) -> list[Notice]:
        found = [
            _nobody(obj),
            _running_notice(obj),
            _changes_notice(obj),
            _crowd_notice(obj),
            None if _free(request, obj) else Notice(_("It sends by itself: only a Manager may change it.")),
        ]
        return [notice for notice in found if notice]

    # --- saving ----------------------------------------------------------------------------------------

    def save_model(self, request: HttpRequest, obj: Mailing, form: Any, change: bool) -> None:
        """Only the columns of the form: the runner writes others of the same row."""
        if change:
            names = {field.name for field in Mailing._meta.fields}
            obj.save(update_fields=[*names.intersection(form.cleaned_data), "updated_at"])
            return
        obj.created_by = user_of(request)
        obj.save()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """After the recipients, which is after the mailing; its schedule follows in the same transaction."""
        super().save_related(request, form, formsets, change)
        chosen = form.cleaned_data.get("add_clients")
        if chosen:
            clients = Client.objects.filter(pk__in=[client.pk for client in chosen])
            recipients.add_to_mailing(form.instance, clients, by=user_of(request))
        current = self._activate(request, form, change)
        transaction.on_commit(partial(self._tell, request, form, current, change))

    def _activate(self, request: HttpRequest, form: Any, change: bool) -> Mailing:
        mailing, person = form.instance, user_of(request)
        try:
            if change:
                return lifecycle.apply_edit(mailing, by=person, changed=list(form.changed_data), before=form.was)
            return lifecycle.launch(mailing, by=person)
        except NotAllowed as refusal:
            raise PermissionDenied(str(refusal)) from refusal  # nothing of the form is stored

    def _tell(self, request: HttpRequest, form: Any, current: Mailing, change: bool) -> None:
        if current.is_paused and not form.instance.is_paused:
            words = _("Nobody is in it yet, so it was saved as a draft. Add recipients, then resume it.")
            messages.warning(request, words)
        elif current.is_active and (not change or form.changed_data):
            self._say_what_happens(request, current)

    def _say_what_happens(self, request: HttpRequest, mailing: Mailing) -> None:
        """The promise of the button, kept; and the way back."""
        back = undo(request, pgettext("mailing", "Pause"), self.url("pause", mailing.pk))
        plan = occurrences.plan(mailing, timezone.now())
        closed = site_guard.refusal()
        if closed:
            messages.warning(request, str(closed))
        elif plan.starts_now:
            clients = statistics.recipients(mailing)
            words = ngettext("Sending to %(n)s client begins.", "Sending to %(n)s clients begins.", clients)
            messages.info(request, format_html("{} {}", words % {"n": num(clients)}, back))
        elif mailing.next_run_at:
            words = _("The next send: %(moment)s.") % {"moment": formatting.day_and_time(mailing.next_run_at)}
            messages.info(request, format_html("{} {}", words, back))


def _free(request: HttpRequest, obj: Mailing | None) -> bool:
    return obj is None or permissions.may_change_mailing(user_of(request), obj)


def recipients_url(mailing: Mailing) -> str:
    """The client list, narrowed to who gets this mailing."""
    listing = reverse("admin:mailing_client_changelist")
    return listing if mailing.audience == Audience.EVERYONE else f"{listing}?mailing={mailing.pk}"


def _next_note(obj: Mailing) -> str:
    if obj.is_paused:
        return _("paused: nothing is sent")
    return obj.get_periodicity_display() if obj.next_run_at else ""


def _last_card(last: Attempt | None) -> Card:
    if last is None:
        return Card(_("Last send"), "—", note=_("nothing was sent yet"))
    tones: dict[str, Tone] = {AttemptStatus.FAILED: "red", AttemptStatus.MISSED: "amber"}
    url = reverse("admin:mailing_attempt_change", args=[last.pk])
    return Card(
        _("Last send"),
        when(last.started_at),
        note=last.get_status_display(),
        tone=tones.get(last.status, ""),
        url=url,
    )


def _nobody(obj: Mailing) -> Notice | None:
    if obj.audience == Audience.EVERYONE or obj.clients.exists():
        return None
    return Notice(
        _("Nobody to send to: add recipients."),
        tone="amber",
        url=reverse("admin:mailing_client_changelist"),
        label=_("Open the client list"),
    )


def _running_notice(obj: Any) -> Notice | None:
    if not obj.sending:
        return None
    words = _("It is being sent. Changes reach the next run; clients you remove are skipped at once.")
    return Notice(words, tone="amber")


def _changes_notice(obj: Any) -> Notice | None:
    """At the next run: +14 / −2 recipients, message changed yesterday by Anna."""
    found = forecast.changes(obj, recipients=obj.to_whom) if obj.next_run_at else None
    if found is None:
        return None
    parts = []
    if found.added or found.removed:
        words = _("+%(added)s / −%(removed)s recipients")
        parts.append(words % {"added": num(found.added), "removed": num(found.removed)})
    if found.more > 0:
        words = ngettext("%(n)s recipient more", "%(n)s recipients more", found.more)
        parts.append(words % {"n": num(found.more)})
    if found.more < 0:
        words = ngettext("%(n)s recipient fewer", "%(n)s recipients fewer", -found.more)
        parts.append(words % {"n": num(-found.more)})
    if found.message_changed_at:
        parts.append(_message_changed(found))
    if not parts:
        return None
    return Notice(_("At the next run: %(changes)s.") % {"changes": ", ".join(parts)})


def _message_changed(found: forecast.Changes) -> str:
    moment = spoken(timezone.localtime(found.message_changed_at))
    if not found.message_changed_by:
        return _("message changed %(moment)s") % {"moment": moment}
    return _("message changed %(moment)s by %(who)s") % {"moment": moment, "who": found.message_changed_by}


def _crowd_notice(obj: Mailing) -> Notice | None:
    if not obj.is_active or obj.next_run_at is None:
        return None
    found = forecast.crowd(obj, occurrences.plan(obj, timezone.now()).dates)
    if found is None:
        return None
    words = ngettext(
        "On %(day)s %(n)s client gets three letters or more: this mailing, %(others)s.",
        "On %(day)s %(n)s clients get three letters or more: this mailing, %(others)s.",
        found.clients,
    )
    others = ", ".join(_("“%(words)s”") % {"words": mailing} for mailing in found.mailings[:4])
    day = date_format(found.day, pgettext("date format", "j E"))
    return Notice(words % {"day": day, "n": num(found.clients), "others": others}, tone="amber")
