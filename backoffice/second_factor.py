"""The page of one's second factor: set up the phone, make recovery codes, take the phone away again."""

from __future__ import annotations

from typing import Any

import segno
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from backoffice import lockout, login_steps
from backoffice.login_steps import HALFWAY, PASSED, CodeForm
from mailing.errors import Refused
from mailing.services.access import second_factor

KEY = "second_factor_key"  # in the session, until a code shows that the phone has it
TEMPLATE = "admin/second_factor.html"


class SetUpForm(CodeForm):
    """Whoever is logged in already shows that it is them: an unattended screen must get no stranger's phone."""

    password = forms.CharField(
        label=gettext_lazy("Your password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    field_order = ("password", "code")

    def __init__(self, data: QueryDict | None, *, logged_in: bool) -> None:
        super().__init__(data)
        if logged_in:
            self.fields["code"].widget.attrs.pop("autofocus")
            self.fields["password"].widget.attrs["autofocus"] = True
        else:
            del self.fields["password"]


@never_cache
@sensitive_post_parameters("code", "password")
def page(request: HttpRequest) -> HttpResponse:
    """For whoever is logged in, and for whoever needs a second factor to get that far."""
    if not second_factor.is_on():
        raise Http404
    user, logged_in = _whose(request)
    if user is None:
        return HttpResponseRedirect(reverse("admin:login"))
    if second_factor.standing(user).device is None:
        return _set_up(request, user, logged_in=logged_in)
    if not logged_in:
        return HttpResponseRedirect(reverse("admin:login_code"))
    return _keep(request, user)


def _whose(request: HttpRequest) -> tuple[User | None, bool]:
    if admin.site.has_permission(request):
        return User.objects.get(username=request.user.get_username()), True
    return login_steps.halfway(request), False


def _set_up(request: HttpRequest, user: User, *, logged_in: bool) -> HttpResponse:
    key = request.session.setdefault(KEY, second_factor.new_key())
    form = SetUpForm(request.POST or None, logged_in=logged_in)
    if request.method == "POST" and form.is_valid():
        if refusal := _wrong_password(request, user, form):
            return refusal
        if not form.errors:
            try:
                device, codes = second_factor.set_up(user, key, form.cleaned_data["code"])
            except Refused as wrong:
                form.add_error("code", str(wrong))
            else:
                return _done(request, user, device, codes, logged_in=logged_in)
    context = {
        "form": form,
        "picture": _picture(second_factor.address_of(user, key)),
        "key": second_factor.readable(key),
        "is_needed": second_factor.standing(user).is_needed,
        "logged_in": logged_in,
    }
    return _shown(request, context)


def _wrong_password(request: HttpRequest, user: User, form: forms.Form) -> HttpResponse | None:
    """Marks the form, or answers with the page for who has guessed too often."""
    password, name = form.cleaned_data.get("password"), user.get_username()
    if password is None:
        return None
    if lockout.locked_until(request, name):
        return lockout.page(request, name)
    if not user.check_password(password):
        if lockout.failed(request, name):
            return lockout.page(request, name)
        form.add_error("password", _("This is not your password."))
    return None


def _done(request: HttpRequest, user: User, device: int, codes: list[str], *, logged_in: bool) -> HttpResponse:
    """The recovery codes, this once. Whoever was halfway in is in now."""
    del request.session[KEY]
    if logged_in:
        request.session.cycle_key()
        request.session[PASSED] = device
        return _codes(request, codes, reverse("admin:index"))
    address = request.session[HALFWAY]["next"]
    entered = login_steps.enter(request, user, address, device=device)
    response = _codes(request, codes, address).render()
    response.cookies.update(entered.cookies)
    return response


def _keep(request: HttpRequest, user: User) -> HttpResponse:
    """New recovery codes, or the end of the second factor: both for a code."""
    form = CodeForm(request.POST or None)
    form.fields["code"].widget.attrs.pop("autofocus")
    if request.method == "POST" and form.is_valid():
        device, refusal = login_steps.check(request, user, form.cleaned_data["code"])
        if refusal:
            return refusal
        if device is not None:
            return _change(request, user)
        form.add_error("code", _(second_factor.WRONG_CODE))
    context = {"form": form, "left": second_factor.codes_left(user), "has_one": True, "logged_in": True}
    return _shown(request, context)


def _change(request: HttpRequest, user: User) -> HttpResponse:
    if request.POST.get("do") != "remove":
        return _codes(request, second_factor.new_codes(user), reverse("admin:second_factor"))
    second_factor.remove(user, by=user)
    messages.success(request, _(second_factor.TOLD_REMOVED))
    return HttpResponseRedirect(reverse("admin:second_factor"))


def _codes(request: HttpRequest, codes: list[str], address: str) -> TemplateResponse:
    context = {"codes": codes, "onward": address, "title": _("Recovery codes")}
    return TemplateResponse(request, "admin/recovery_codes.html", context)


def _shown(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    return TemplateResponse(request, TEMPLATE, {"title": _("Second factor")} | context)


def _picture(address: str) -> SafeString:
    """The QR code as part of the page: the policy lets no data: and no style in."""
    drawn = segno.make(address, error="m", micro=False)
    return mark_safe(drawn.svg_inline(scale=4, border=3, dark="#000", light="#fff", svgclass="qr", lineclass=None))  # nosec
