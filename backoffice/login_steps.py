"""Logging in, step by step: the password, then the second factor where one is asked for. Nobody is logged in before
the last step, so that there is nothing to be reached with the password alone.

Between the two the session knows whose password was right. The steps: `LoginPage` (password) → `code_page`, or for
those who need a second factor and have none yet `backoffice.second_factor` → `enter`.
"""

from __future__ import annotations

import time
from weakref import WeakKeyDictionary

from django import forms
from django.contrib.auth import login
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from backoffice import knocking, lockout
from mailing.choices import AccessKind
from mailing.services.access import second_factor
from mailing.services.access.second_factor import Standing

HALFWAY, PASSED = "login_halfway", "second_factor"
PATIENCE = 600  # seconds between the password and the code
BACKEND = "django.contrib.auth.backends.ModelBackend"

_asked: WeakKeyDictionary[HttpRequest, Standing] = WeakKeyDictionary()


class LoginPage(LoginView):
    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        user = form.get_user()
        if not second_factor.standing(user).asked_for:
            return enter(self.request, user, self.get_success_url())
        session = self.request.session
        session.flush()  # of whoever was here before
        session[HALFWAY] = {
            "user": user.pk,
            "password": user.get_session_auth_hash(),
            "at": time.time(),
            "next": self.get_success_url(),
        }
        session.set_expiry(PATIENCE)
        return HttpResponseRedirect(next_step(user))


class CodeForm(forms.Form):
    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "autofocus": True, "spellcheck": "false"}),
    )


def next_step(user: User) -> str:
    has_device = second_factor.standing(user).device is not None
    return reverse("admin:login_code" if has_device else "admin:second_factor")


def halfway(request: HttpRequest) -> User | None:
    """Whose password was right a moment ago, in this session."""
    found = request.session.get(HALFWAY)
    if not found or not 0 <= time.time() - found["at"] < PATIENCE:
        return None
    user = User.objects.filter(pk=found["user"], is_active=True, is_staff=True).first()
    same = user is not None and constant_time_compare(found["password"], user.get_session_auth_hash())
    return user if same else None


def enter(request: HttpRequest, user: User, address: str, *, device: int | None = None) -> HttpResponse:
    """All steps are done: the session is the user's from here on, and this browser is known."""
    name = user.get_username()
    request.session.pop(HALFWAY, None)
    login(request, user, backend=BACKEND)
    if device is not None:
        request.session[PASSED] = device
    response = HttpResponseRedirect(address)
    knocking.remember_device(request, response, name)
    return response


def passed(request: HttpRequest) -> bool:
    """Whether the session has shown all that is asked of its user: what is asked for may have changed meanwhile."""
    if not second_factor.is_on():
        return True
    standing = of_request(request)
    return not standing.asked_for or (standing.device is not None and request.session.get(PASSED) == standing.device)


def of_request(request: HttpRequest) -> Standing:
    """Asked once for each request."""
    if request not in _asked:
        assert isinstance(request.user, User)
        _asked[request] = second_factor.standing(request.user)
    return _asked[request]


@never_cache
@sensitive_post_parameters("code")
def code_page(request: HttpRequest) -> HttpResponse:
    """The second step."""
    user = halfway(request)
    if user is None or second_factor.standing(user).device is None:
        return HttpResponseRedirect(reverse("admin:login"))
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        device, refusal = check(request, user, form.cleaned_data["code"])
        if refusal:
            return refusal
        if device is not None:
            return enter(request, user, request.session[HALFWAY]["next"], device=device)
        form.add_error("code", _(second_factor.WRONG_CODE))
    return TemplateResponse(request, "admin/login_code.html", {"form": form, "title": _("Log in")})


def check(request: HttpRequest, user: User, code: str) -> tuple[int | None, HttpResponse | None]:
    """The device whose code this is; or the page for who has guessed too often. A wrong code is written down."""
    name = user.get_username()
    if lockout.locked_until(request, name):
        lockout.failed(request, name, refused=True)
        return None, lockout.page(request, name)
    device = second_factor.verify(user, code)
    if device is None and lockout.failed(request, name, kind=AccessKind.CODE_FAILED):
        return None, lockout.page(request, name)
    return device, None
