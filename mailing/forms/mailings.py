"""The form of a mailing: what, to whom, when.

Rules live in `services.lifecycle`; here is only what one page can know.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.http import QueryDict
from django.urls import reverse_lazy
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from mailing import addresses, texts
from mailing.choices import Audience
from mailing.errors import Refused
from mailing.forms.moments import MomentField
from mailing.forms.rows import ManyRows, SuggestedRow, SuggestedRows
from mailing.models import Client, Mailing
from mailing.services.mailings import occurrences, recipients
from mailing.services.mailings.recipients import Pasted
from mailing.services.reports import statistics

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Mailing]
else:
    ModelForm = forms.ModelForm

ADD_AT_ONCE = 50  # a search box is no place for more; the client list and the import are


def tomorrow_morning() -> datetime:
    """Ten o'clock tomorrow: a first send nobody regrets when it was left untouched."""
    morning = timezone.localtime().replace(hour=10, minute=0, second=0, microsecond=0, tzinfo=None)
    return timezone.make_aware(morning + timedelta(days=1))


class MailingForm(ModelForm):
    """Adds clients but never lists them: a mailing may have 50 000."""

    may_send = True  # set by the admin; without the right everything saved is a draft
    everyone_label: Any = Audience.EVERYONE.label  # set by the admin: with their number
    start_at = MomentField(label=_("First send"), initial=tomorrow_morning)
    end_at = MomentField(label=_("End"), required=False, help_text=_("Without a date the mailing has no end."))
    add_clients = ManyRows(
        label=_("Add clients"),
        queryset=Client.objects.all(),
        required=False,
        widget=SuggestedRows(Mailing._meta.get_field("clients"), admin.site),
        help_text=format_lazy(
            '{} <a href="{}">{}</a>',
            _("Up to 50 at a time. Many clients are easier to add from the client list or by import:"),
            reverse_lazy("admin:mailing_client_changelist"),
            _("open the client list"),
        ),
    )
    version = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Mailing
        fields = (
            *("name", "message", "audience", "start_at", "end_at"),
            *("periodicity", "is_paused", "from_name", "reply_to"),
        )
        labels = {"name": _("Name of the mailing"), "audience": _("To whom")}
        help_texts = {"name": _("Without a name it is called by the subject of the message.")}
        widgets = {
            "audience": forms.RadioSelect,
            "message": SuggestedRow(Mailing._meta.get_field("message"), admin.site),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.was: Mailing | None = None  # the stored row, as it stands before the save
        if self.instance.pk:
            self.initial["version"] = version_of(self.instance)
        if "audience" in self.fields:
            self.fields["audience"].choices = [  # type: ignore[attr-defined]
                (Audience.SELECTED, Audience.SELECTED.label),
                (Audience.EVERYONE, self.everyone_label),
            ]
        if not self.may_send and "is_paused" in self.fields:
            self.initial["is_paused"] = True
            self.fields["is_paused"].disabled = True
            self.fields["is_paused"].help_text = _("Only a Manager can let a mailing send.")

    def clean_add_clients(self) -> Any:
        clients = self.cleaned_data["add_clients"]
        if len(clients) > ADD_AT_ONCE:
            raise forms.ValidationError(_("Add at most 50 clients here; use the client list or the import for more."))
        return clients

    def clean_from_name(self) -> str:
        name: str = self.cleaned_data["from_name"]
        if addresses.ENCODED in name:
            raise forms.ValidationError(_("A name with “=?” in it is misread by mail programs. Write it without."))
        return name

    def clean_start_at(self) -> datetime | None:
        return self._untouched("start_at")

    def clean_end_at(self) -> datetime | None:
        return self._untouched("end_at")

    def _untouched(self, name: str) -> datetime | None:
        """The stored moment unless it was changed: the pickers show no more than seconds."""
        given: datetime | None = self.cleaned_data[name]
        stored: datetime | None = getattr(self.instance, name)
        same = given and stored and stored.replace(microsecond=0) == given
        return stored if same else given

    def clean(self) -> dict[str, Any]:
        super().clean()
        data: dict[str, Any] = self.cleaned_data
        start, end = data.get("start_at"), data.get("end_at")
        if start and end and end < start:
            self.add_error("end_at", _(texts.ENDS_TOO_EARLY))
        elif end and end < timezone.now() and self._could_never_send(data):
            self.add_error(
                "end_at", _("The end has passed: this mailing could never send. Give a later end, or none.")
            )
        message = data.get("message") if "message" in self.fields else self.instance.message
        if "name" in data and not data["name"] and message:
            data["name"] = message.subject
        self._refuse_stale()
        return data

    def _could_never_send(self, data: dict[str, Any]) -> bool:
        """With its end in the past. Whoever renames a mailing that is over, or ends one that has sent, is let be."""
        was = self.instance
        moved = any(data.get(name) != getattr(was, name) for name in ("start_at", "end_at", "periodicity"))
        return was.pk is None or (moved and not occurrences.has_run(was))

    def _refuse_stale(self) -> None:
        """Whoever saves over a change made meanwhile is shown it first; the second save goes through."""
        if not self.instance.pk:
            return
        self.was = current = Mailing.objects.get(pk=self.instance.pk)
        seen = self.cleaned_data.get("version")
        if not seen or seen == version_of(current):
            return
        if isinstance(self.data, QueryDict):
            self.data = self.data.copy()
            self.data[self.add_prefix("version")] = version_of(current)
        started = f"|{current.status}|" not in seen
        self.add_error(None, STARTED_MEANWHILE if started else CHANGED_MEANWHILE)

    def as_it_stands(self) -> Mailing:
        """The mailing the form would save, also while it is incomplete."""
        if self.is_bound or self.instance.pk:
            return self.instance
        return Mailing(start_at=tomorrow_morning(), is_paused=not self.may_send)

    def clients(self) -> int:
        """How many clients a run would reach if the form were saved now."""
        number = statistics.recipients(self.instance) if self.instance.pk or self._to_everyone() else 0
        chosen = self.cleaned_data.get("add_clients") if self.is_bound else None
        if not chosen or self._to_everyone():
            return number
        new = Client.objects.receiving().filter(pk__in=[client.pk for client in chosen])
        return number + (new.exclude(mailings=self.instance.pk) if self.instance.pk else new).count()

    def _to_everyone(self) -> bool:
        return self.instance.audience == Audience.EVERYONE


class PastedForm(forms.Form):
    """A list of addresses as people have it; comes back as `recipients.Pasted`."""

    addresses = forms.CharField(
        label=_("Addresses"),
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "autocapitalize": "off"}),
        help_text=_("One a line, or with commas between them. “Anna <anna@example.com>” is fine, too."),
    )

    def clean_addresses(self) -> Pasted:
        try:
            found = recipients.pasted(self.cleaned_data["addresses"])
        except Refused as refusal:
            raise forms.ValidationError(str(refusal)) from refusal
        if not (found.known or found.unknown or found.wrong):
            raise forms.ValidationError(_("There is no address in it."))
        return found


STARTED_MEANWHILE = _("While you were editing, the mailing started. Nothing is lost: check it and save once more.")
CHANGED_MEANWHILE = _("While you were editing, somebody changed the mailing. Check it and save once more.")


def version_of(mailing: Mailing) -> str:
    """What a form remembers, to notice that the row has moved on."""
    return f"{mailing.updated_at.isoformat()}|{mailing.status}|{mailing.is_paused}"
