"""On the pages of users and groups: the second factor, and letting somebody in again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from django import forms
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from mailing.admin.common.base import SamovarModelAdmin
from mailing.admin.common.pages import POST, View, user_of
from mailing.furniture import Button, ChangePage
from mailing.models import GroupRule
from mailing.services.access import audit_log, second_factor, trail

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Group]
else:
    ModelForm = forms.ModelForm

MEMBERS_NEED = gettext_noop("Members need a second factor")


class LettingIn(SamovarModelAdmin[User]):
    """Buttons of a user's page: reset the second factor, unlock."""

    def get_pages(self) -> list[tuple[str, View]]:
        return [
            *super().get_pages(),
            ("<int:pk>/reset-second-factor/", self.reset_second_factor_view),
            ("<int:pk>/unlock/", self.unlock_view),
        ]

    def get_change_page(self, request: HttpRequest, obj: User) -> ChangePage:
        return ChangePage(str(obj), buttons=list(self._buttons(request, obj)))

    def _buttons(self, request: HttpRequest, user: User) -> list[Button]:
        if not self._may_let_in(request, user):
            return []
        unlock = Button(_("Unlock"), self.url("unlock", user.pk), "post", icon="key", more=True)
        reset = Button(_("Reset second factor"), self.url("reset-second-factor", user.pk), "post", icon="key")
        return [reset, unlock] if second_factor.standing(user).device is not None else [unlock]

    def _may_let_in(self, request: HttpRequest, user: User) -> bool:
        by = user_of(request)
        return self.has_change_permission(request, user) and (by.is_superuser or not user.is_superuser)

    def _find_to_let_in(self, request: HttpRequest, pk: int) -> User:
        user = self.find(request, pk)
        if not self._may_let_in(request, user):
            raise PermissionDenied
        return user

    @POST
    def reset_second_factor_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The phone is gone: the password is enough until a new one is set up."""
        user = self._find_to_let_in(request, pk)
        act = partial(second_factor.remove, user, by=user_of(request))
        return self.perform(request, act, said=_(second_factor.TOLD_REMOVED), back=self.url("change", pk))

    @POST
    def unlock_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        user = self._find_to_let_in(request, pk)
        act = partial(trail.unlock_user, user, by=user_of(request))
        return self.perform(
            request, act, said=_("May try again at once, from everywhere."), back=self.url("change", pk)
        )


class GroupForm(ModelForm):
    needs_second_factor = forms.BooleanField(label=gettext_lazy(MEMBERS_NEED), required=False)

    def get_initial_for_field(self, field: forms.Field, field_name: str) -> object:
        if field_name != "needs_second_factor":
            return super().get_initial_for_field(field, field_name)
        return GroupRule.objects.filter(group=self.instance.pk, needs_second_factor=True).exists()


class AskingForMore(SamovarModelAdmin[Group]):
    """The box on a group's page, where the installation has a second factor."""

    form = GroupForm

    def more_fields(self) -> list[str]:
        return ["needs_second_factor"] if second_factor.is_on() else []

    def save_model(self, request: HttpRequest, obj: Group, form: ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if "needs_second_factor" in form.changed_data and second_factor.is_on():
            second_factor.require_for(obj, needed=form.cleaned_data["needs_second_factor"])
            audit_log.changed(obj, user_of(request), MEMBERS_NEED)
