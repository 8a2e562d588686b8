"""The form of a message, and of a test letter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminIntegerFieldWidget
from django.contrib.auth.models import User
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailing import addresses, letterchecks
from mailing.delivery.letters import prepare
from mailing.delivery.letters.prepare import Judged
from mailing.forms.rows import SuggestedRow
from mailing.furniture import Words
from mailing.models import Client, Delivery, Message
from mailing.services.runs import trial_limit

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Message]
else:
    ModelForm = forms.ModelForm

TEST_ADDRESSES = 3
SUBJECT_LIMIT = 60  # characters most mail programs show


class SampleSelect(SuggestedRow):
    """An empty box says whom the letter is shown to without a choice."""

    def build_attrs(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return super().build_attrs(*args, **kwargs) | {"data-placeholder": gettext("an imaginary client")}


def sample_client(label: Words) -> forms.ModelChoiceField[Client]:
    """A search box for the client with whose eyes a letter is looked at; `offer_sample` says to whom it is there."""
    # The autocomplete view wants the name of a foreign key to a client; any will do.
    widget = SampleSelect(Delivery._meta.get_field("client"), admin.site)
    return forms.ModelChoiceField(Client.objects.all(), label=label, required=False, widget=widget)


def offer_sample(form: forms.BaseForm, by: User | None) -> None:
    """A letter shows a client's name, and the box the address: only to whoever may look at clients."""
    if by is not None and not by.has_perm("mailing.view_client"):
        form.fields.pop("sample", None)


class MessageForm(ModelForm):
    by: User | None = None  # set by the screen
    # "on" is what a tick box would send: scripts that fill in the stock form keep working.
    is_html = forms.TypedChoiceField(
        label=_("Kind of letter"),
        required=False,
        choices=[("", _("plain text")), ("on", "HTML")],
        coerce=bool,
        empty_value=False,  # type: ignore[arg-type]
        widget=forms.RadioSelect,
    )

    sample = sample_client(_("As seen by"))

    class Meta:
        model = Message
        fields = ("subject", "is_html", "body", "text_body")
        widgets = {
            "subject": forms.TextInput(attrs={"class": "vTextField", "data-counter": SUBJECT_LIMIT}),
            "body": forms.Textarea(attrs={"rows": 22, "class": "vLargeTextField letter-source"}),
            "text_body": forms.Textarea(attrs={"rows": 8, "class": "vLargeTextField letter-source"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "is_html" in self.fields:
            self.initial["is_html"] = "on" if self.instance.is_html else ""
        offer_sample(self, self.by)
        self.warnings: list[Any] = []
        self.judged: Judged | None = None  # of a valid HTML body

    def clean(self) -> dict[str, Any]:
        """Errors stand at their field; what is only worth a thought is kept for after the save."""
        super().clean()
        data: dict[str, Any] = self.cleaned_data
        self.judged = self._judge(data)
        for finding in letterchecks.check(
            subject=data.get("subject", ""),
            body=data.get("body", ""),
            is_html=bool(data.get("is_html")),
            text_body=data.get("text_body", ""),
            seen=self.judged.remarks if self.judged is not None else (),
        ):
            if finding.code == "empty_body" and self.has_error("body", "required"):
                continue  # said already
            if finding.is_error:
                self.add_error(finding.field, str(finding.sentence))
            else:
                self.warnings.append(finding.sentence)
        return data

    def _judge(self, data: Mapping[str, Any]) -> Judged | None:
        """An HTML body is read in a child once, for what is said of it now and for the runs to come."""
        body = data.get("body", "")
        if not data.get("is_html") or letterchecks.is_too_long(body):
            return None
        return prepare.judge(body, wants_text=not data.get("text_body", "").strip())


class TrialLetterForm(forms.Form):
    __test__ = False  # not a test case, whatever pytest thinks of its name

    to = forms.CharField(
        label=_("To"),
        max_length=1000,
        help_text=_("Up to three addresses, separated by commas."),
        widget=forms.TextInput(attrs={"class": "vTextField"}),
    )
    sample = sample_client(_("As seen by"))

    def __init__(self, *args: Any, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_sample(self, by)

    def clean_to(self) -> list[str]:
        words = self.cleaned_data["to"].replace(";", ",").replace("\n", ",").split(",")
        found = list(dict.fromkeys(addresses.extract(word) for word in words if word.strip()))
        wrong = [address for address in found if not addresses.is_valid(address)]
        if wrong:
            raise forms.ValidationError(_("“%(address)s” is not an e-mail address."), params={"address": wrong[0]})
        if len(found) > TEST_ADDRESSES:
            raise forms.ValidationError(_("Give at most three addresses."))
        return found


class TrialLimitForm(forms.Form):
    limit = forms.IntegerField(
        label=_("Test letters an hour and person"),
        min_value=1,
        max_value=trial_limit.MOST,
        widget=AdminIntegerFieldWidget,
    )
