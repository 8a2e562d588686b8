"""The page “Test to me”: one letter at once to up to three addresses, and what the server said to it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from mailing.admin.common import delivery_text
from mailing.admin.common.base import Context
from mailing.admin.common.pages import Pages, user_of
from mailing.errors import Refused
from mailing.forms.messages import TrialLetterForm
from mailing.models import Client, Mailing, Message
from mailing.services.access import permissions
from mailing.services.runs import trial_letters


class TrialLetterPages(Pages):
    """Never counts anywhere. Whoever may not send mailings may write to colleagues only."""

    def test_letter(self, request: HttpRequest, obj: Any, message: Message, mailing: Mailing | None) -> HttpResponse:
        if not self.may_prepare(request):
            raise PermissionDenied
        person = user_of(request)
        form = TrialLetterForm(request.POST or None, initial={"to": person.email})
        results = None
        if request.method == "POST" and form.is_valid() and not self._strangers(form, person):
            addresses = form.cleaned_data["to"]
            results = self._send(request, message, mailing, addresses, form.cleaned_data["sample"])
        context = {
            "form": form,
            "results": results,
            "message": message,
            "media": self.media + form.media,
        }
        return self.page(request, obj, "test", _("Test letter"), context)

    def _send(
        self, request: HttpRequest, message: Message, mailing: Mailing | None, to: list[str], sample: Client | None
    ) -> list[Context] | None:
        """What the server said to each of the letters; None when nothing was sent, and why is said."""
        try:
            outcomes = trial_letters.send(message, to=to, sample=sample, by=user_of(request), mailing=mailing)
        except Refused as refusal:
            messages.error(request, str(refusal))
            return None
        return [{"to": email} | delivery_text.answer(outcome) for email, outcome in zip(to, outcomes, strict=True)]

    def may_prepare(self, request: HttpRequest) -> bool:
        """Whether the person writes messages or mailings at all; the rule about active ones does not matter here."""
        return request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")

    def _strangers(self, form: TrialLetterForm, person: User) -> bool:
        if permissions.may_send(person):
            return False
        wanted = form.cleaned_data["to"]
        staff = {email.lower() for email in User.objects.filter(is_active=True).values_list("email", flat=True)}
        strangers = [address for address in wanted if address not in staff]
        if strangers:
            words = _("Without the rights of a Manager a test goes to colleagues only: %(address)s is none.")
            form.add_error("to", words % {"address": strangers[0]})
        return bool(strangers)
