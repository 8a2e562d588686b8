"""The page “Test to me”: one letter at once to up to three addresses, and what the server said to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from mailing.admin.common import delivery_text
from mailing.admin.common.base import SamovarModelAdmin
from mailing.admin.common.pages import View, user_of
from mailing.errors import Refused
from mailing.forms.messages import TrialLetterForm
from mailing.models import Mailing, Message
from mailing.services.access import permissions
from mailing.services.runs import trial_letters

Tried = TypeVar("Tried", Message, Mailing)


@dataclass(frozen=True)
class Sent:
    """One of the letters."""

    to: str
    answer: delivery_text.ServerAnswer


class TrialLetterPages(SamovarModelAdmin[Tried]):
    """Never counts anywhere. Whoever may not send mailings may write to colleagues only."""

    def get_pages(self) -> list[tuple[str, View]]:
        return [*super().get_pages(), ("<int:pk>/test/", self.test_view)]

    def test_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """For whoever writes messages or mailings at all, whether or not they may change this one."""
        obj = self.find(request, pk)
        if not self.has_change_permission(request):
            raise PermissionDenied
        form = TrialLetterForm(request.POST or None, initial={"to": user_of(request).email})
        is_sent = request.method == "POST" and form.is_valid() and not _strangers(form, user_of(request))
        context = {
            "form": form,
            "results": _send(request, obj, form) if is_sent else None,
            "message": obj.message if isinstance(obj, Mailing) else obj,
            "media": self.media + form.media,
        }
        return self.page(request, obj, "test", _("Test letter"), context)


def _send(request: HttpRequest, obj: Message | Mailing, form: TrialLetterForm) -> list[Sent] | None:
    """What the server said to each of the letters; None when nothing was sent, and why is said."""
    message, mailing = (obj.message, obj) if isinstance(obj, Mailing) else (obj, None)
    to, sample = form.cleaned_data["to"], form.cleaned_data["sample"]
    try:
        outcomes = trial_letters.send(message, to=to, sample=sample, by=user_of(request), mailing=mailing)
    except Refused as refusal:
        messages.error(request, str(refusal))
        return None
    return [Sent(email, delivery_text.answer(outcome)) for email, outcome in zip(to, outcomes, strict=True)]


def _strangers(form: TrialLetterForm, person: User) -> bool:
    if permissions.may_send(person):
        return False
    wanted = form.cleaned_data["to"]
    staff = {email.lower() for email in User.objects.filter(is_active=True).values_list("email", flat=True)}
    strangers = [address for address in wanted if address not in staff]
    if strangers:
        words = _("Without the rights of a Manager a test goes to colleagues only: %(address)s is none.")
        form.add_error("to", words % {"address": strangers[0]})
    return bool(strangers)
