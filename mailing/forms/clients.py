"""Forms around clients: one client, a file of them, the mailing they are put into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.contrib.admin.widgets import AdminTextareaWidget, AdminTextInputWidget
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from import_export.formats.base_formats import Format
from import_export.forms import ConfirmImportForm, ImportForm
from import_export.resources import ModelResource

from mailing import addresses, texts, unchecked
from mailing.forms.widgets import FileBox, SuggestingSelect
from mailing.furniture import Words
from mailing.models import Client, ClientImport, Mailing, Suppression
from mailing.models.mailings import MailingQuerySet
from mailing.services import states
from mailing.services.access import permissions
from mailing.services.mailings import recipients
from mailing.tables import cells, reading

OFFERED = 100  # mailings in the box without scripts; the newest ones


class ClientForm(forms.ModelForm):  # type: ignore[type-arg]
    """Takes an address as people paste it: “Anna <anna@example.com>” is fine."""

    by: User | None = None  # set by the screen: whoever may not send changes no recipient's address
    email = forms.CharField(
        label=gettext_lazy("E-mail"),
        max_length=320,
        widget=AdminTextInputWidget(attrs={"inputmode": "email", "autocomplete": "off"}),
        help_text=Client._meta.get_field("email").help_text,
    )

    class Meta:
        model = Client
        fields = ("email", "full_name", "greeting", "comment")
        widgets = {"comment": AdminTextareaWidget(attrs={"rows": 3})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.email_before: str = self.instance.email
        if "email" in self.fields and not permissions.may_change_address(self.by, self.instance):
            self.fields["email"].widget.attrs["readonly"] = True
            self.fields["email"].help_text = _(permissions.ADDRESS_NEEDS_MANAGER)

    def clean_email(self) -> str:
        email = addresses.extract(self.cleaned_data["email"])
        if not addresses.is_valid(email):
            raise ValidationError(_(texts.NOT_AN_ADDRESS))
        if email != self.email_before and not permissions.may_change_address(self.by, self.instance):
            raise ValidationError(_(permissions.ADDRESS_NEEDS_MANAGER))
        other = Client.objects.filter(email=email).exclude(pk=self.instance.pk).first()
        if other:
            raise ValidationError(
                format_html(
                    _('There is a client with this address already: <b>{}</b>. <a href="{}">Open the card</a>'),
                    other.full_name or other.email,
                    reverse("admin:mailing_client_change", args=[other.pk]),
                )
            )
        return email

    def clean_full_name(self) -> str:
        return cells.line(self.cleaned_data["full_name"])

    def clean_greeting(self) -> str:
        return cells.line(self.cleaned_data["greeting"])

    def clean_comment(self) -> str:
        comment = cells.text(self.cleaned_data["comment"])
        if len(comment) > Client.LONGEST_COMMENT and "comment" in self.changed_data:
            raise ValidationError(_(texts.LONG_COMMENT) % {"limit": Client.LONGEST_COMMENT})
        return comment


class MailingChoice(forms.ChoiceField):
    """One of the mailings this person may add clients to; `open_to` offers the newest, any other can be searched."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=SuggestingSelect(ClientImport._meta.get_field("mailing")), **kwargs)

    def open_to(self, by: User, *, nobody: Words = "") -> None:
        self.by, box = by, cast("SuggestingSelect", self.widget)
        box.placeholder = nobody or _("Choose a mailing")
        self.choices = [("", box.placeholder), *(_choice(mailing) for mailing in self._open()[:OFFERED])]

    def valid_value(self, value: object) -> bool:
        """One that was searched for is offered from now on, so that the page shows what was chosen."""
        if super().valid_value(value):
            return True
        pk = unchecked.number(str(value))
        found = None if pk is None else self._open().filter(pk=pk).first()
        if found:
            offered: Any = self.choices
            self.choices = [*offered, _choice(found)]
        return found is not None

    def clean(self, value: object) -> Mailing | None:
        chosen = super().clean(value)
        return recipients.open_mailings(self.by).get(pk=chosen) if chosen else None

    def _open(self) -> MailingQuerySet:
        return recipients.open_mailings(self.by).with_subject()


class PickMailingForm(forms.Form):
    mailing = MailingChoice(label=gettext_lazy("mailing"))

    def __init__(self, *args: Any, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _open(self, by)


NO_FILE = gettext_lazy("Choose a file.")


class FileField(forms.FileField):
    """A table of at most 20 MB; Django's own limits do not count files."""

    default_error_messages = {
        "required": NO_FILE,
        "empty": gettext_lazy(reading.EMPTY),
        "missing": NO_FILE,
    }
    widget = FileBox(attrs={"accept": ".csv,.txt,.tsv,.xlsx,.xls"})

    def clean(self, data: object, initial: object = None) -> Any:
        file = super().clean(data, initial)
        if isinstance(file, UploadedFile) and (file.size or 0) > reading.SIZE_LIMIT:
            raise ValidationError(_(reading.TOO_LARGE) % {"limit": reading.SIZE_LIMIT // 2**20})
        return file


class ClientFileForm(ImportForm):
    """The first step of the wizard. There is one format, so nobody is asked for it."""

    import_file = FileField(label=gettext_lazy("File"))
    mailing = MailingChoice(
        label=gettext_lazy("Add to a mailing at once"),
        required=False,
        help_text=gettext_lazy("Everybody in the file becomes a recipient, also those who are clients already."),
    )
    field_order = ["resource", "import_file", "mailing", "format"]

    def __init__(
        self,
        formats: Sequence[type[Format]],
        resources: Sequence[type[ModelResource]],
        *,
        by: User,
        mailing: str = "",
        **kwargs: Any,
    ) -> None:
        """`mailing`: the one that sent the person here, chosen beforehand if they may add to it."""
        super().__init__(formats, resources, **kwargs)
        self.fields["format"].widget = forms.HiddenInput()
        self.fields["format"].required = False
        _open(self, by, nobody=_("no, only load them"))
        box: Any = self.fields["mailing"]
        if mailing and box.valid_value(mailing):
            self.initial["mailing"] = mailing

    @property
    def media(self) -> forms.Media:
        """Without import-export's script, which guesses a format: nobody has to choose one here."""
        found: forms.Media = self.fields["mailing"].widget.media
        return found


class ConfirmFileForm(ConfirmImportForm):
    """The second step: which of the person's files to load."""

    format = forms.CharField(widget=forms.HiddenInput(), required=False)


class SuppressionForm(forms.ModelForm):  # type: ignore[type-arg]
    email = forms.CharField(label=gettext_lazy("E-mail"), max_length=320, widget=AdminTextInputWidget)

    class Meta:
        model = Suppression
        fields = ("email", "reason", "note")
        widgets = {"note": AdminTextareaWidget(attrs={"rows": 3})}

    def validate_unique(self) -> None:
        """An address that is on the list already is no mistake: the service keeps the weightier reason."""

    def clean_email(self) -> str:
        email = addresses.extract(self.cleaned_data["email"])
        if not addresses.is_valid(email):
            raise ValidationError(_(texts.NOT_AN_ADDRESS))
        return email


class SuppressionFileForm(forms.Form):
    import_file = FileField(label=gettext_lazy("File"))


def _open(form: forms.Form, by: User, nobody: Words = "") -> None:
    field: Any = form.fields["mailing"]
    field.open_to(by, nobody=nobody)


def _choice(mailing: Mailing) -> tuple[str, str]:
    return str(mailing.pk), f"{str(mailing)[:80]} ({states.of_mailing(mailing, ()).words})"
