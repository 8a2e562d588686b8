"""Who works here: Django's screens of users and groups, in our words and with the rights that exist here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.contrib.auth.admin import GroupAdmin as StockGroupAdmin
from django.contrib.auth.admin import UserAdmin as StockUserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm
from django.contrib.auth.models import Group, Permission, User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from mailing.admin.base import SamovarModelAdmin

APPS_WITH_RIGHTS = ("mailing", "auth")
ACTIONS: dict[str, Promise] = {
    "add": pgettext_lazy("right", "add"),
    "change": pgettext_lazy("right", "change"),
    "delete": pgettext_lazy("right", "delete"),
    "view": pgettext_lazy("right", "view"),
}

if TYPE_CHECKING:
    ChoiceField = forms.ModelMultipleChoiceField[Any]
    UserScreen = StockUserAdmin[User]
    NewUserForm = AdminUserCreationForm[User]
    PasswordForm = AdminPasswordChangeForm[User]
else:
    ChoiceField = forms.ModelMultipleChoiceField
    UserScreen = StockUserAdmin
    NewUserForm = AdminUserCreationForm
    PasswordForm = AdminPasswordChangeForm


def right(permission: Permission) -> str:
    """“Client: change”, or the own words of a right that is no such action."""
    action = permission.codename.split("_", 1)[0]
    model = permission.content_type.model_class()
    if model is not None and permission.codename == f"{action}_{model._meta.model_name}" and action in ACTIONS:
        name = str(model._meta.verbose_name)
        return f"{name[:1].upper()}{name[1:]}: {ACTIONS[action]}"
    return _(permission.name)


class Rights(ChoiceField):
    def label_from_instance(self, obj: Permission) -> str:
        return right(obj)


class Groups(ChoiceField):
    def label_from_instance(self, obj: Group) -> str:
        return _(obj.name)


class OurRights(SamovarModelAdmin):
    """Offers the rights of our own models; those of the queue and of the log-ins are for superusers anyway."""

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.related_model is Permission:
            ours = Permission.objects.filter(content_type__app_label__in=APPS_WITH_RIGHTS)
            kwargs |= {"queryset": ours.select_related("content_type"), "form_class": Rights}
        elif db_field.related_model is Group:
            return db_field.formfield(form_class=Groups, widget=forms.CheckboxSelectMultiple, required=False)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Without the plus sign beside the boxes: groups have their own screen."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget.can_add_related = False
        return field


class NewStaffForm(NewUserForm):
    usable_password = None  # type: ignore[assignment]  # removes the field: without a password nobody comes in here


class NewPasswordForm(PasswordForm):
    # Django's own glues an untranslated sentence to it.
    usable_password_help_text: Any = gettext_lazy(
        "Disabled: this user cannot log in, and the present password is lost."
    )


class GroupFilter(admin.RelatedFieldListFilter):
    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[Any]:
        return [(str(group.pk), _(group.name)) for group in Group.objects.order_by("name")]


class StaffAdmin(OurRights, UserScreen):
    list_title = gettext_lazy("Users")
    add_label = gettext_lazy("New user")
    list_display = ("username", "first_name", "last_name", "email", "roles", "is_active", "last_login")
    list_filter = (("groups", GroupFilter), "is_active", "is_superuser")
    filter_horizontal = ("user_permissions",)
    add_form = NewStaffForm
    change_password_form = NewPasswordForm
    add_fieldsets = ((None, {"fields": ("username", "password1", "password2")}),)
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (gettext_lazy("Person"), {"fields": ("first_name", "last_name", "email")}),
        (gettext_lazy("Rights"), {"fields": ("is_active", "is_staff", "groups", "is_superuser")}),
        (gettext_lazy("Single rights"), {"classes": ("collapse",), "fields": ("user_permissions",)}),
        (gettext_lazy("Dates"), {"classes": ("collapse",), "fields": ("last_login", "date_joined")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description=gettext_lazy("groups"))
    def roles(self, user: User) -> str:
        names = [_(group.name) for group in user.groups.all()]
        return ", ".join([_("administrator"), *names] if user.is_superuser else names)


class StaffGroupAdmin(OurRights, StockGroupAdmin):  # type: ignore[misc]  # the stubs leave `request` optional
    list_title = gettext_lazy("Groups")
    add_label = gettext_lazy("New group")
    list_display = ("role",)

    @admin.display(description=gettext_lazy("group"), ordering="name")
    def role(self, group: Group) -> str:
        return _(group.name)

    def get_change_title(self, request: HttpRequest, obj: Group) -> str:
        return _(obj.name)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        return super().delete_view(request, object_id, self._named(object_id) | (extra_context or {}))

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        return super().history_view(request, object_id, self._named(object_id) | (extra_context or {}))

    def _named(self, object_id: str) -> dict[str, str]:
        """The name is stored in English and shown in the reader's language."""
        group = Group.objects.filter(pk=object_id).first() if object_id.isdecimal() else None
        return {"display_name": _(group.name)} if group else {}


def register(site: admin.AdminSite) -> None:
    """In place of Django's own screens, which are registered by then."""
    for model, screen in ((User, StaffAdmin), (Group, StaffGroupAdmin)):
        site.unregister(model)
        site.register(model, screen)
