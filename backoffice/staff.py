"""Who works here: Django's screens of users and groups, in our words and with the rights that exist here.

Whoever may change users or groups and is no superuser stays within what they may do themselves (`accounts`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.contrib.auth.admin import GroupAdmin as StockGroupAdmin
from django.contrib.auth.admin import UserAdmin as StockUserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Case, Count, F, Field, ManyToManyField, QuerySet, Value, When
from django.forms.models import ModelChoiceIterator
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from backoffice.staff_access import AskingForMore, GroupForm, LettingIn
from mailing.admin.common.base import Row, SamovarModelAdmin
from mailing.admin.common.lists import SamovarList
from mailing.admin.common.pages import form_of, user_of
from mailing.formatting import num, pill, when
from mailing.forms.rows import ManyRows
from mailing.furniture import ChangePage, Notice
from mailing.services.access import accounts, groups

ABOUT = ("client", "suppression", "message", "mailing", "attempt", "delivery", "accessevent", "user", "group")
ACTIONS: dict[str, Promise] = {
    "add": pgettext_lazy("right", "add"),
    "change": pgettext_lazy("right", "change"),
    "delete": pgettext_lazy("right", "delete"),
    "view": pgettext_lazy("right", "view"),
}


class Peopled(TypedDict):
    number_of_people: int


if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    PeopledGroup = WithAnnotations[Group, Peopled]
    ChoiceIterator = ModelChoiceIterator[Any]
    UserScreen = StockUserAdmin[User]
    NewUserForm = AdminUserCreationForm[User]
    PasswordForm = AdminPasswordChangeForm[User]
    ChangeForm = UserChangeForm[User]
else:
    ChoiceIterator = ModelChoiceIterator
    UserScreen = StockUserAdmin
    NewUserForm = AdminUserCreationForm
    PasswordForm = AdminPasswordChangeForm
    ChangeForm = UserChangeForm


def shown_name(group: Group) -> str:
    """The names of our groups are stored in English and shown in the reader's language."""
    return _(group.name)


def right(permission: Permission) -> str:
    """“change”, or the own words of a right that is no such action."""
    action, _sep, rest = permission.codename.partition("_")
    is_stock = action in ACTIONS and rest == permission.content_type.model
    return str(ACTIONS[action]) if is_stock else _(permission.name)


def _about(kind: ContentType) -> str:
    model = kind.model_class()
    return capfirst(str(model._meta.verbose_name if model else kind.model))  # an app that is gone leaves its rights


class RightsByModel(ChoiceIterator):
    """The rights under the name of what they are about."""

    def __iter__(self) -> Iterator[Any]:
        for kind, rights in groupby(self.queryset, key=attrgetter("content_type")):
            yield _about(kind), [self.choice(one) for one in rights]


class Rights(ManyRows):
    iterator = RightsByModel

    def label_from_instance(self, obj: Permission) -> str:
        return right(obj)


class OurRights(SamovarModelAdmin[Row]):
    """Offers the rights of our own models; those of the queue and of the log-ins are for superusers anyway."""

    def formfield_for_manytomany(
        self, db_field: ManyToManyField[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        boxes: dict[str, Any] = {"widget": forms.CheckboxSelectMultiple, "required": False, "form_class": ManyRows}
        if db_field.related_model is Permission:
            ours = Permission.objects.filter(content_type__app_label__in=("mailing", "auth"))
            rows = ours.filter(content_type__model__in=ABOUT).select_related("content_type")
            rows = rows.order_by("-content_type__app_label", "content_type__model", "pk")
            boxes |= {"queryset": rows, "form_class": Rights, "help_text": ""}
        if db_field.related_model is Group:
            boxes["queryset"] = accounts.to_hand_on(user_of(request))
        return db_field.formfield(**boxes)

    def formfield_for_dbfield(self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        """Without the plus sign beside the boxes: groups have their own screen."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget.can_add_related = False
        return field

    @admin.display(description=gettext_lazy("rights"))
    def shown_rights(self, holder: User | Group) -> SafeString | str:
        """In place of the boxes, for those who may not tick them."""
        held = holder.user_permissions if isinstance(holder, User) else holder.permissions
        rows = held.select_related("content_type").order_by("content_type__app_label", "content_type__model", "pk")
        lines = [
            (_about(kind), ", ".join(right(one) for one in rights))
            for kind, rights in groupby(rows, key=attrgetter("content_type"))
        ]
        return format_html_join(mark_safe("<br>"), "{}: {}", lines) or "—"


class NewStaffForm(NewUserForm):
    usable_password = None  # type: ignore[assignment]  # removes the field: without a password nobody comes in here


class NewPasswordForm(PasswordForm):
    # Django's own glues an untranslated sentence to it.
    usable_password_help_text: Any = gettext_lazy(
        "Disabled: this user cannot log in, and the present password is lost."
    )


class StaffForm(ChangeForm):
    """Groups that are not theirs to take away stay with the account, unseen."""

    by: User | None = None  # `form_of`

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kept: list[Group] = []
        if self.by and "groups" in self.fields and not accounts.may_give_rights(self.by):
            self.kept = list(self.instance.groups.exclude(pk__in=accounts.to_hand_on(self.by)))
            self.initial["groups"] = [group for group in self.initial["groups"] if group not in self.kept]
            self.fields["groups"].help_text = _help_on_groups(self.kept)

    def clean_groups(self) -> list[Group]:
        return [*self.cleaned_data["groups"], *self.kept]


class StaffGroupForm(GroupForm):
    by: User | None = None  # `form_of`

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if not accounts.may_name(self.by, name):
            raise forms.ValidationError(_("This is the name of one of Samovar's own groups. Choose another one."))
        return name


OWN_RIGHTS = ("is_active", "is_staff", "groups")


class StaffAdmin(OurRights[User], LettingIn, UserScreen):
    list_title = gettext_lazy("Users")
    add_label = gettext_lazy("New user")
    list_display = ("username", "first_name", "last_name", "email", "roles", "lets_in", "seen")
    list_filter = ("groups", "is_active", "is_superuser")
    filter_horizontal = ()
    search_help_text = gettext_lazy("By name and address")
    form = StaffForm
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

    # --- whom one reaches ----------------------------------------------------------------------------

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and _reaches(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _reaches(request, obj)

    def get_deleted_objects(
        self, objs: Sequence[User] | QuerySet[User], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Whoever stands in the journal stays: with the user Django would delete what they did."""
        shown, numbers, needed, protected = super().get_deleted_objects(objs, request)
        too_strong = accounts.beyond(user_of(request), objs)
        return shown, numbers, needed | _lacking(too_strong), [*protected, *still_in_journal(objs)]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Nobody but a superuser gives single rights, makes superusers, or touches rights of their own."""
        if accounts.may_give_rights(user_of(request)):
            return self.readonly_fields
        own = obj is not None and obj.pk == user_of(request).pk
        return (*self.readonly_fields, "shown_rights", "is_superuser", *(OWN_RIGHTS if own else ()))

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        found = super().get_fieldsets(request, obj)
        if accounts.may_give_rights(user_of(request)):
            return found
        instead: dict[Any, str] = {"password": "password" if self.has_change_permission(request, obj) else ""}
        instead["user_permissions"] = "shown_rights"
        return [
            (
                title,
                given | {"fields": tuple(filter(None, (instead.get(name, str(name)) for name in given["fields"])))},
            )
            for title, given in found
        ]

    def get_form(self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: object) -> Any:
        return form_of(request, super().get_form(request, obj, change=change, **kwargs))

    def get_change_page(self, request: HttpRequest, obj: User) -> ChangePage:
        told = _("This account may do more than you: only an administrator changes it.")
        page = super().get_change_page(request, obj)
        return page if _reaches(request, obj) else replace(page, notices=[Notice(told)])

    # --- columns -------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("groups"))
    def roles(self, user: User) -> str:
        names = [str(group) for group in user.groups.all()]
        return ", ".join([_("administrator"), *names] if user.is_superuser else names)

    @admin.display(description=gettext_lazy("may log in"), ordering="is_active")
    def lets_in(self, user: User) -> SafeString:
        """A word, not a tick: nearly all of them may, and who may not should be seen."""
        return pill(_("yes"), "plain") if user.is_active else pill(_("closed"), "amber")

    @admin.display(description=gettext_lazy("last log-in"), ordering="last_login")
    def seen(self, user: User) -> SafeString | str:
        return when(user.last_login)


class GroupList(SamovarList):
    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """By the names that the reader sees, not by those that are stored."""
        shown = {"name": "shown_name", "-name": "-shown_name"}
        return [shown.get(str(name), name) for name in super().get_ordering(request, queryset)]


class StaffGroupAdmin(OurRights[Group], AskingForMore, StockGroupAdmin):  # type: ignore[misc]  # the stubs leave `request` optional
    list_title = gettext_lazy("Groups")
    add_label = gettext_lazy("New group")
    changelist = GroupList
    list_display = ("role", "people")
    deletion_labels: ClassVar[dict[str, Any]] = {
        "auth.User_groups": gettext_lazy("people who lose the group (they stay users)")
    }
    search_fields = ()  # by names that nobody sees
    filter_horizontal = ()
    form = StaffGroupForm

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        shown = Case(*(When(name=name, then=Value(_(name))) for name in groups.PERMISSIONS), default=F("name"))
        rows = super().get_queryset(request)
        found: QuerySet[Any] = rows.annotate(number_of_people=Count("user"), shown_name=shown)
        return found

    def get_fields(self, request: HttpRequest, obj: Group | None = None) -> Any:
        if not accounts.may_give_rights(user_of(request)):
            return ("role" if _is_ours(obj) else "name", *(("shown_rights",) if obj else ()))
        return ("role" if _is_ours(obj) else "name", "permissions", *self.more_fields())

    def get_readonly_fields(self, request: HttpRequest, obj: Group | None = None) -> Any:
        """Renamed, one of our groups would be made anew by the next migrate."""
        fixed = ("role",) if _is_ours(obj) else ()
        return fixed if accounts.may_give_rights(user_of(request)) else (*fixed, "shown_rights")

    def get_form(self, request: HttpRequest, obj: Group | None = None, change: bool = False, **kwargs: object) -> Any:
        return form_of(request, super().get_form(request, obj, change=change, **kwargs))

    def get_change_page(self, request: HttpRequest, obj: Group) -> ChangePage:
        told = _("One of Samovar's own groups: it cannot be renamed.")
        notices = [Notice(told)] if _is_ours(obj) else []
        if not accounts.may_give_rights(user_of(request)):
            notices.append(Notice(_("Only an administrator decides what a group may do.")))
        return ChangePage(str(obj), notices=notices)

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return super().has_change_permission(request, obj) and _reaches_group(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _reaches_group(request, obj)

    def get_deleted_objects(
        self, objs: Sequence[Group] | QuerySet[Group], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        shown, numbers, needed, protected = super().get_deleted_objects(objs, request)
        too_strong = accounts.groups_beyond(user_of(request), objs)
        return shown, numbers, needed | _lacking(too_strong), protected

    @admin.display(description=gettext_lazy("group"), ordering="name")
    def role(self, group: Group) -> str:
        return str(group)

    @admin.display(description=gettext_lazy("people"), ordering="number_of_people")
    def people(self, group: PeopledGroup) -> SafeString:
        return format_html('<span class="num">{}</span>', num(group.number_of_people))


def _reaches(request: HttpRequest, user: User | None) -> bool:
    return user is None or accounts.reaches(user_of(request), user)


def _reaches_group(request: HttpRequest, group: Group | None) -> bool:
    return group is None or accounts.reaches_group(user_of(request), group)


def _lacking(objs: Sequence[Any]) -> set[str]:
    return {_("“%(name)s” may do more than you.") % {"name": one} for one in objs}


def _help_on_groups(kept: Sequence[Group]) -> str:
    words = _("You hand on the groups you are in yourself.")
    if kept:
        words += " " + _("These stay as they are: %(groups)s.") % {"groups": ", ".join(map(str, kept))}
    return words


def _is_ours(group: Group | None) -> bool:
    return group is not None and group.name in groups.PERMISSIONS


def still_in_journal(users: Sequence[User] | QuerySet[User]) -> list[str]:
    """A sentence for each of these users who did anything that the journal knows."""
    names = User.objects.filter(pk__in=[user.pk for user in users], logentry__isnull=False).distinct()
    told = _("the journal, for “%(name)s” did things that stand there. Take the tick “Active” away instead.")
    return [told % {"name": name} for name in names.order_by("username").values_list("username", flat=True)]


def register(site: admin.AdminSite) -> None:
    """In place of Django's own screens, which are registered by then."""
    Group.add_to_class("__str__", shown_name)  # also in messages, filters, headings and the journal
    site.unregister((User, Group))
    site.register(User, StaffAdmin)
    site.register(Group, StaffGroupAdmin)
