"""The form of a mailing, whole where it is new and in parts on its tabs; and what saving it makes happen."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.admin.utils import flatten_fieldsets
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.forms import BaseFormSet, ModelForm
from django.http import HttpRequest, HttpResponseRedirect
from django.utils import timezone
from django.utils.html import escape, format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from mailing import formatting
from mailing.admin.common.base import Context
from mailing.admin.common.pages import undo, user_of
from mailing.admin.mailings import plan_text
from mailing.admin.mailings.tabs import MailingTabs, current_tab
from mailing.choices import Audience
from mailing.errors import NotAllowed
from mailing.formatting import num
from mailing.forms.mailings import MailingForm
from mailing.models import Client, Mailing
from mailing.services.access import permissions, site_guard
from mailing.services.mailings import lifecycle, occurrences, recipients
from mailing.services.reports import statistics

Fieldsets = Any  # the stubs name a private type


class MailingSaving(MailingTabs):
    # --- what stands on the form -----------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: Mailing | None = None) -> Fieldsets:
        """All of it where the mailing is new; each tab of one that exists has its part. Buttons pause and resume."""
        when = ["start_at", "end_at", "periodicity"]
        sender = ["from_name", "reply_to"]
        dated = {"description": formatting.zone_sentence()}
        if obj is None:
            chooses = self.has_add_permission(request) and _sees_clients(request)
            return [
                (_("What"), {"fields": ["name", "message"]}),
                (_("To whom"), {"fields": ["audience", *(["add_clients"] if chooses else [])]}),
                (_("When"), {"fields": [*when, "is_paused"], **dated}),
                (_("Sender"), {"fields": sender, "classes": ["collapse"]}),
            ]
        if current_tab(request).name == "letter":
            return [(None, {"fields": ["message", *sender]})]
        return [(None, {"fields": ["name", "audience"]}), (_("When"), {"fields": when, **dated})]

    def get_form(
        self, request: HttpRequest, obj: Mailing | None = None, change: bool = False, **kwargs: Any
    ) -> type[MailingForm]:
        form = cast("type[MailingForm]", super().get_form(request, obj, change=change, **kwargs))
        form.may_send = permissions.may_send(user_of(request))
        if obj is None:  # later the plan beside the field says how many, once somebody chooses them
            form.everyone_label = f"{Audience.EVERYONE.label} ({num(statistics.receiving())})"
        shown = flatten_fieldsets(self.get_fieldsets(request, obj))
        for name in set(form.declared_fields) - {*shown, "version"}:
            form.base_fields.pop(name, None)  # of another tab; or names and addresses that not everybody may see
        message, sender = form.base_fields.get("message"), form.base_fields.get("from_name")
        if message and isinstance(message.widget, RelatedFieldWidgetWrapper):
            message.widget = _adding_alone(message.widget)
        if sender:
            sender.help_text = _("Without a name: %(sender)s.") % {"sender": escape(settings.DEFAULT_FROM_EMAIL)}
        return form

    def get_form_context(self, request: HttpRequest, form: ModelForm[Mailing], obj: Mailing | None) -> Context:
        tab = current_tab(request).name if obj else ""
        context: Context = {"show_save_and_add_another": False, "show_delete": tab != "letter"} if obj else {}
        if tab != "letter" and isinstance(form, MailingForm) and self._may_save(request, obj):
            context["plan"] = plan_text.panel(form)
        return context

    # --- who may ---------------------------------------------------------------------------------------

    def _may_save(self, request: HttpRequest, obj: Mailing | None) -> bool:
        return self.has_change_permission(request, obj) if obj else self.has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Mailing | None = None) -> bool:
        return super().has_change_permission(request, obj) and _free(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Mailing | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _free(request, obj)

    # --- saving ----------------------------------------------------------------------------------------

    def save_model(self, request: HttpRequest, obj: Mailing, form: ModelForm[Mailing], change: bool) -> None:
        """Only the columns of the form: the runner writes others of the same row."""
        if change:
            names = {field.name for field in Mailing._meta.fields}
            obj.save(update_fields=[*names.intersection(form.cleaned_data), "updated_at"])
            return
        obj.created_by = user_of(request)
        obj.save()

    def save_related(
        self, request: HttpRequest, form: MailingForm, formsets: list[BaseFormSet[Any]], change: bool
    ) -> None:
        """After the recipients, which is after the mailing; its schedule follows in the same transaction."""
        super().save_related(request, form, formsets, change)
        chosen = form.cleaned_data.get("add_clients")
        if chosen:
            clients = Client.objects.filter(pk__in=[client.pk for client in chosen])
            recipients.add_to_mailing(form.instance, clients, by=user_of(request))
        current = self._activate(request, form, change)
        transaction.on_commit(partial(self._tell, request, form, current, change))

    def _activate(self, request: HttpRequest, form: MailingForm, change: bool) -> Mailing:
        mailing, person = form.instance, user_of(request)
        try:
            if change:
                return lifecycle.apply_edit(mailing, by=person, changed=list(form.changed_data), before=form.was)
            return lifecycle.launch(mailing, by=person)
        except NotAllowed as refusal:
            raise PermissionDenied(str(refusal)) from refusal  # nothing of the form is stored

    def response_post_save_add(self, request: HttpRequest, obj: Mailing) -> HttpResponseRedirect:
        return HttpResponseRedirect(self.url("change", obj.pk))

    def response_post_save_change(self, request: HttpRequest, obj: Mailing) -> HttpResponseRedirect:
        return HttpResponseRedirect(self.url("change", obj.pk))

    def _tell(self, request: HttpRequest, form: MailingForm, current: Mailing, change: bool) -> None:
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


def _sees_clients(request: HttpRequest) -> bool:
    return user_of(request).has_perm("mailing.view_client")


def _adding_alone(widget: RelatedFieldWidgetWrapper) -> RelatedFieldWidgetWrapper:
    """Without the ways to look at what is chosen and to change it: the tab Letter does that."""
    return RelatedFieldWidgetWrapper(
        widget.widget, widget.rel, widget.admin_site, can_add_related=widget.can_add_related
    )


def _free(request: HttpRequest, obj: Mailing | None) -> bool:
    return obj is None or permissions.may_change_mailing(user_of(request), obj)
