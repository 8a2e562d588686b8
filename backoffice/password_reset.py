"""“I forgot my password”: a letter with a link, where this installation has a mail server; otherwise whom to ask.

The page answers the same, after the same work, whether or not there is such a user: a worker finds that out. A new
password opens nothing by itself: whoever set it logs in with it, and with the second factor.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.models import User
from django.contrib.auth.views import PasswordResetConfirmView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse, reverse_lazy
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from backoffice import knocking
from mailing.choices import AccessKind
from mailing.services.access import limits, password_letters, trail

if TYPE_CHECKING:
    Form = SetPasswordForm[User]


class AskForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("User name or e-mail"),
        max_length=254,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autofocus": True, "autocapitalize": "none"}),
    )


@never_cache
def ask_page(request: HttpRequest) -> HttpResponse:
    form = AskForm(request.POST or None)
    status, asked = 200, False
    if request.method == "POST" and password_letters.can_be_sent() and form.is_valid():
        asked = _ask(request, form.cleaned_data["name"])
        if not asked:
            status = 429
            form.add_error("name", _("Too many letters were asked for from here. Try again in an hour."))
    context = {"form": form, "asked": asked, "possible": password_letters.can_be_sent()}
    return _shown(request, "admin/password_reset.html", context, status)


def _ask(request: HttpRequest, name: str) -> bool:
    """Whether this address may ask; more letters to one user than they need are quietly not sent."""
    origin = knocking.origin_of(request)
    to_one, from_here = limits.may_ask_for_letter(password_letters.whose(name), origin)
    if from_here and to_one:
        password_letters.ask(name, origin=origin, language=get_language() or "")
    return from_here


def _shown(request: HttpRequest, template: str, context: dict[str, Any], status: int = 200) -> TemplateResponse:
    return TemplateResponse(request, template, {"title": _("Forgot your password?")} | context, status=status)


class SetPage(PasswordResetConfirmView):
    """Behind the link of the letter. The browser that sets the password is a known one from then on."""

    template_name = "admin/password_reset_confirm.html"
    success_url = reverse_lazy("admin:login")
    reset_url_token = "set"
    title = gettext_lazy("New password")

    def get_user(self, uidb64: str) -> User | None:
        user = super().get_user(uidb64)
        return user if isinstance(user, User) and password_letters.may_have_one(user) else None

    def render_to_response(self, context: dict[str, Any], **how: object) -> HttpResponse:
        status = HTTPStatus.OK if self.validlink else HTTPStatus.BAD_REQUEST
        return super().render_to_response(context, status=status, **how)

    def form_valid(self, form: Form) -> HttpResponse:
        super().form_valid(form)
        name = form.user.get_username()
        trail.record(AccessKind.RESET_DONE, name, origin=knocking.origin_of(self.request), by="")
        messages.success(self.request, _("The new password is set. Log in with it."))
        response = HttpResponseRedirect(reverse("admin:login"))
        knocking.remember_device(self.request, response, name)
        return response
