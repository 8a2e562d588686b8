"""Who may do what, door by door. The roles: S superuser, M Manager, E Editor, V Viewer, U "may change users" and
G "may change groups" (with these rights and no others), N staff without a group, A anonymous. Whoever is not named
gets 403; an anonymous one is sent to the login page.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

EVERYBODY, STAFF, LOOKERS, PREPARERS, SENDERS, ROOT, NOBODY = "SMEVUGNA", "SMEVUGN", "SMEV", "SME", "SM", "S", ""
PEOPLE, GROUPS = "SU", "SG"  # who look after users, and after groups


@dataclass(frozen=True)
class Door:
    """`args` and the texts in `data` are filled from the ids of the world.

    `changes`: something is stored for those who may. `form`: id of the form whose other fields are sent as its page
    shows them to a superuser.
    """

    name: str
    may: str
    args: tuple[str, ...] = ()
    method: str = "GET"
    data: dict[str, Any] = field(default_factory=dict)
    answers: tuple[int, ...] = (200,)
    changes: bool = False
    form: str = ""
    refusals: tuple[int, ...] = (403,)
    note: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.method, self.name.split(":")[-1], *self.args, self.note)))

    @property
    def is_action(self) -> bool:
        """An action of a list: who may not is not offered it; the list is shown again and nothing happens."""
        return "action" in self.data and not self.args

    def address(self, ids: dict[str, Any]) -> str:
        return reverse(self.name, args=[ids.get(argument, argument) for argument in self.args])

    def sent(self, ids: dict[str, Any]) -> dict[str, Any]:
        """The values without the boxes that are not ticked (None): a browser sends nothing for them."""
        return {name: value for name, value in self.values(ids).items() if value is not None}

    def values(self, ids: dict[str, Any]) -> dict[str, Any]:
        given = {name: value() if callable(value) else value for name, value in self.data.items()}
        return {name: value.format(**ids) if isinstance(value, str) else value for name, value in given.items()}


def get(name: str, may: str, *args: str, **given: Any) -> Door:
    return Door(f"admin:{name}", may, args, **given)


def post(name: str, may: str, *args: str, **given: Any) -> Door:
    """A POST that stores something and leads on to another page."""
    return Door(f"admin:{name}", may, args, "POST", **({"answers": (302,), "changes": True} | given))


def save(
    name: str, may: str, /, *args: str, form: str, case: str = "", refusals: tuple[int, ...] = (403,), **changed: Any
) -> Door:
    """The form of an object, with these fields changed."""
    return post(name, may, *args, form=form, data=changed, note=case, refusals=refusals)


def act(model: str, action: str, may: str, row: str, *, note: str = "", **given: Any) -> Door:
    """An action of a list for one row. Who may not is not offered it: the list answers, nothing happens."""
    data = {"action": action, ACTION_CHECKBOX_NAME: f"{{{row}}}", **given.pop("data", {})}
    note = f"{action} {row} {note}".strip()
    screen = model if "_" in model else f"mailing_{model}"
    return post(f"{screen}_changelist", may, data=data, note=note, **({"answers": (200, 302)} | given))


def look(model: str, may: str, row: str) -> Iterator[Door]:
    """The pages every screen has for those who may look."""
    yield get(f"mailing_{model}_changelist", may)
    yield get(f"mailing_{model}_change", may, row)
    yield get(f"mailing_{model}_history", may, row)


def read_only(app: str, model: str) -> Iterator[Door]:
    """Screens for superusers, who may look."""
    yield post(f"{app}_{model}_add", NOBODY)
    yield post(f"{app}_{model}_change", NOBODY, model, data={"func": "os.system", "username": "x"})
    yield post(f"{app}_{model}_delete", NOBODY, model, data={"post": "yes"})
    yield get(f"{app}_{model}_changelist", ROOT)
    yield get(f"{app}_{model}_change", ROOT, model)
    yield get(f"{app}_{model}_history", ROOT, model)
    yield get(f"{app}_{model}_add", NOBODY)
    yield get(f"{app}_{model}_delete", NOBODY, model)


PASSWORDS = {"password1": "long enough 1", "password2": "long enough 1", "usable_password": "true"}

COLLEAGUE = {"to": "boss@example.com"}


def csv() -> SimpleUploadedFile:
    return SimpleUploadedFile("clients.csv", "email;ФИО\nnew@mail.example;Новый\n".encode(), "text/csv")


# Addresses that are no doors of their own, and why.
NOT_DOORS = {
    "jsi18n": "words of Django's own scripts",
}

SHELL = (
    get("index", STAFF),
    get("find", STAFF, data={"q": "anna"}),
    get("find", STAFF, data={"q": "", "part": "1"}, note="for the box"),
    get("login", EVERYBODY, answers=(200, 302)),
    get("password_change", STAFF),
    get("password_change_done", STAFF),
    Door("admin:password_change", STAFF, (), "POST", {"old_password": "wrong"}, note="with a wrong password"),
    Door("admin:login", EVERYBODY, (), "POST", answers=(200, 302), note="without a password"),
    get("login_code", NOBODY, refusals=(302,), note="without the first step"),
    Door("admin:login_code", NOBODY, (), "POST", {"code": "0"}, refusals=(302,), note="without the first step"),
    get("second_factor", STAFF),
    Door("admin:second_factor", STAFF, (), "POST", {"code": "000000", "password": "x"}, note="with a wrong password"),
    get("password_reset", EVERYBODY),
    Door("admin:password_reset", EVERYBODY, (), "POST", {"name": "viewer"}),
    get("password_reset_confirm", EVERYBODY, "MQ", "a-token", answers=(400,)),
    Door("admin:password_reset_confirm", EVERYBODY, ("MQ", "set"), "POST", PASSWORDS, answers=(400,)),
    Door("admin:logout", EVERYBODY, method="POST", answers=(200, 302)),
    Door("home", EVERYBODY, answers=(302,)),
    Door("set_language", EVERYBODY, method="POST", data={"language": "en"}, answers=(302,)),
    Door("mailing:healthz", EVERYBODY, answers=(200, 503)),
    Door("mailing:metrics", EVERYBODY, answers=(404,)),  # off until a setting says who may read it
    Door("mailing:unsubscribe", EVERYBODY, ("token",)),
    Door(
        "mailing:unsubscribe",
        EVERYBODY,
        ("token",),
        "POST",
        {"List-Unsubscribe": "One-Click"},
        changes=True,
        note="one click",
    ),
)

CLIENTS = (
    *look("client", LOOKERS, "client"),
    get("mailing_client_add", PREPARERS),
    save("mailing_client_add", PREPARERS, form="client_form", email="new@mail.example", full_name="Новый"),
    save("mailing_client_change", PREPARERS, "client", form="client_form", full_name="Анна П."),
    # Anna is a recipient of an active mailing, Boris of none.
    save("mailing_client_change", SENDERS, "client", form="client_form", email="a@mail.example", refusals=(200, 403)),
    save("mailing_client_change", PREPARERS, "loose", form="client_form", email="b@mail.example"),
    get("mailing_client_delete", SENDERS, "client"),
    post("mailing_client_delete", SENDERS, "client", data={"post": "yes"}),
    get("mailing_client_delete", PREPARERS, "loose"),
    post("mailing_client_delete", PREPARERS, "loose", data={"post": "yes"}),
    get("mailing_client_forget", SENDERS, "client"),
    post("mailing_client_forget", SENDERS, "client"),
    post("mailing_client_forget", PREPARERS, "loose"),
    post("mailing_client_known", PREPARERS, "client", answers=(200,), changes=False),
    post(
        "mailing_client_known",
        PREPARERS,
        "client",
        answers=(200,),
        changes=False,
        data={"file": "1"},
        note="as a file",
    ),
    post("mailing_client_stop", PREPARERS, "client"),
    post("mailing_client_lift", SENDERS, "stopped"),
    act("client", "add_to_mailing", PREPARERS, "loose", data={"mailing": "{draft}", "apply": "1"}),
    act("client", "add_to_mailing", SENDERS, "loose", data={"mailing": "{active}", "apply": "1"}, note="active"),
    act("client", "remove_from_mailing", PREPARERS, "client", data={"mailing": "{draft}", "apply": "1"}),
    act(
        "client", "remove_from_mailing", SENDERS, "client", data={"mailing": "{active}", "apply": "1"}, note="active"
    ),
    act("client", "stop_letters", PREPARERS, "client", data={"apply": "1"}),
    act("client", "return_letters", SENDERS, "stopped", data={"apply": "1"}),
    act("client", "export_selected", PREPARERS, "client", data={"apply": "1", "format": "0"}, changes=False),
    act("client", "delete_selected", SENDERS, "client", data={"post": "yes"}),
    act("client", "delete_selected", PREPARERS, "loose", data={"post": "yes"}),
    get("autocomplete", LOOKERS, data={"app_label": "mailing", "model_name": "mailing", "field_name": "message"}),
)

EXCHANGE = (
    get("mailing_client_import", PREPARERS),
    Door("admin:mailing_client_import", PREPARERS, method="POST", data={"import_file": csv}),
    Door(
        "admin:mailing_client_import",
        SENDERS,
        method="POST",
        data={"import_file": csv, "mailing": "{active}"},
        refusals=(200, 403),  # the form does not offer it
        note="into an active mailing",
    ),
    post(
        "mailing_client_process_import",
        PREPARERS,
        data={"import_file_name": "{upload}", "original_file_name": "clients.csv"},
    ),
    get("mailing_client_sample", PREPARERS),
    get("mailing_client_progress", PREPARERS, "upload"),
    get("mailing_client_live", PREPARERS, "upload"),
    get("mailing_client_result", PREPARERS, "upload", answers=(200, 302)),
    get("mailing_client_problems", PREPARERS, "upload", answers=(200, 404)),
    post("mailing_client_cancel", PREPARERS, "upload", changes=False),
    get("mailing_client_export", PREPARERS),
    Door("admin:mailing_client_export", PREPARERS, method="POST", data={"format": "0"}),
    get("mailing_suppression_export", PREPARERS),
    Door("admin:mailing_suppression_export", PREPARERS, method="POST", data={"format": "0"}),
    get("mailing_delivery_export", PREPARERS),
    Door("admin:mailing_delivery_export", PREPARERS, method="POST", data={"format": "0"}),
    get("mailing_attempt_export", PREPARERS),
    get("mailing_attempt_report", LOOKERS),
    get("mailing_attempt_report", LOOKERS, data={"period": "year"}, note="of a year"),
    get("mailing_attempt_report", PREPARERS, data={"format": "csv"}, note="as a file"),
)

STOP_LIST = (
    *look("suppression", LOOKERS, "suppression"),
    get("mailing_suppression_add", PREPARERS),
    save("mailing_suppression_add", PREPARERS, form="suppression_form", email="stop@mail.example"),
    save("mailing_suppression_change", SENDERS, "suppression", form="suppression_form", note="Changed"),
    get("mailing_suppression_delete", SENDERS, "suppression"),
    post("mailing_suppression_delete", SENDERS, "suppression", data={"post": "yes"}),
    get("mailing_suppression_file", PREPARERS),
    post("mailing_suppression_file", PREPARERS, data={"import_file": csv}, answers=(200,)),
    post("mailing_suppression_lift", SENDERS, "suppression"),
    post("mailing_suppression_lift-all", SENDERS, "attempt"),
    act("suppression", "lift_selected", SENDERS, "suppression"),
)

MESSAGES = (
    *look("message", LOOKERS, "free"),
    get("mailing_message_add", PREPARERS),
    save("mailing_message_add", PREPARERS, form="message_form", subject="New", body="Hello"),
    save("mailing_message_change", PREPARERS, "free", form="message_form", subject="Changed"),
    save("mailing_message_change", SENDERS, "used", form="message_form", subject="Changed"),
    get("mailing_message_delete", PREPARERS, "spare"),
    post("mailing_message_delete", PREPARERS, "spare", data={"post": "yes"}),
    Door(
        "admin:mailing_message_preview", PREPARERS, method="POST", data={"subject": "Hi", "body": "{{{{ email }}}}"}
    ),
    get("mailing_message_letter", LOOKERS, "free"),
    get("mailing_message_test", PREPARERS, "free"),
    post("mailing_message_test", PREPARERS, "free", answers=(200,), changes=False),
    post(
        "mailing_message_test",
        PREPARERS,
        "free",
        data=COLLEAGUE,
        answers=(200,),
        note="sent",
    ),
    get("mailing_message_test-limit", ROOT),
    post("mailing_message_test-limit", ROOT, data={"limit": "50"}),
    act("message", "copy", PREPARERS, "free"),
    act("message", "delete_selected", PREPARERS, "spare", data={"post": "yes"}),
    post("mailing_message_copy", PREPARERS, "free"),
)

MAILINGS = (
    *look("mailing", LOOKERS, "draft"),
    get("mailing_mailing_add", PREPARERS),
    save("mailing_mailing_add", PREPARERS, form="mailing_form", message="{free}", is_paused="on"),
    post("mailing_mailing_change", NOBODY, "draft", data={"name": "Changed"}, refusals=(405,)),
    *(get(f"mailing_mailing_{tab}", LOOKERS, "active") for tab in ("letter", "recipients", "schedule", "runs")),
    save("mailing_mailing_schedule", PREPARERS, "draft", form="mailing_form", name="Changed"),
    save("mailing_mailing_schedule", SENDERS, "active", form="mailing_form", name="Changed"),
    save("mailing_mailing_letter", PREPARERS, "draft", form="mailing_form", from_name="Tea shop"),
    save("mailing_mailing_letter", SENDERS, "active", form="mailing_form", from_name="Tea shop"),
    get("mailing_mailing_delete", PREPARERS, "draft"),
    get("mailing_mailing_delete", SENDERS, "active"),
    post("mailing_mailing_delete", PREPARERS, "draft", data={"post": "yes"}),
    post("mailing_mailing_delete", SENDERS, "active", data={"post": "yes"}),
    get("mailing_mailing_send", SENDERS, "active"),
    post("mailing_mailing_send", SENDERS, "active", data={"seen": "{attempt}"}),
    get("mailing_mailing_pause", SENDERS, "active"),
    post("mailing_mailing_pause", SENDERS, "active"),
    get("mailing_mailing_resume", SENDERS, "draft"),
    post("undo", SENDERS, "undo"),
    get("undo", STAFF, "undo", answers=(302,)),
    post("mailing_mailing_resume", SENDERS, "draft"),
    get("mailing_mailing_finish", SENDERS, "active"),
    post("mailing_mailing_finish", SENDERS, "active"),
    post("mailing_mailing_copy", PREPARERS, "active"),
    get("mailing_mailing_test", PREPARERS, "draft"),
    post("mailing_mailing_test", PREPARERS, "draft", answers=(200,), changes=False),
    post(
        "mailing_mailing_test",
        PREPARERS,
        "draft",
        data=COLLEAGUE,
        answers=(200,),
        note="sent",
    ),
    get("mailing_mailing_dry-run", SENDERS, "active"),
    post("mailing_mailing_dry-run", SENDERS, "active", answers=(200,), changes=False),
    get("mailing_mailing_live", LOOKERS, "active"),
    get("mailing_mailing_plan", PREPARERS),
    get("mailing_mailing_calendar", LOOKERS),
    get("mailing_mailing_calendar", LOOKERS, data={"week": "2026-11-23"}, note="a week"),
    get("mailing_mailing_calendar", LOOKERS, data={"day": "2026-11-28"}, note="a day"),
    get("mailing_mailing_add", PREPARERS, data={"start": "2999-12-31"}, note="on a day of the calendar"),
    *(act("mailing", action, SENDERS, "active", data={"post": "yes"}) for action in ("send_now", "pause", "finish")),
    act("mailing", "resume", SENDERS, "draft"),
    act("mailing", "copy", PREPARERS, "active"),
    act("mailing", "delete_selected", PREPARERS, "draft", data={"post": "yes"}),
    act("mailing", "delete_selected", SENDERS, "active", data={"post": "yes"}),
)

REMOVE, ADD = ({"action": f"{what}_recipients", "index": "0"} for what in ("remove", "add"))
OFFERED_NOTHING = (200, 302, 403)  # the list is shown again, and nothing happens

RECIPIENTS = (
    *(
        door
        for may, mailing in ((PREPARERS, "draft"), (SENDERS, "active"))
        for door in (
            get("mailing_mailing_add-recipients", may, mailing),
            get("mailing_mailing_paste-recipients", may, mailing),
            post(
                "mailing_mailing_recipients",
                may,
                mailing,
                data=REMOVE | {ACTION_CHECKBOX_NAME: "{client}"},
                refusals=OFFERED_NOTHING,
                note="ticked",
            ),
            post(
                "mailing_mailing_recipients",
                may,
                mailing,
                data=REMOVE | {ACTION_CHECKBOX_NAME: "0", "select_across": "1", "apply": "1"},
                refusals=OFFERED_NOTHING,
                note="all",
            ),
            post("mailing_mailing_add-recipients", may, mailing, data=ADD | {ACTION_CHECKBOX_NAME: "{loose}"}),
            post("mailing_mailing_paste-recipients", may, mailing, data={"addresses": "boris@mail.example"}),
        )
    ),
)

ATTEMPTS = (
    *look("attempt", LOOKERS, "attempt"),
    get("mailing_attempt_add", NOBODY),
    get("mailing_attempt_delete", NOBODY, "attempt"),
    post("mailing_attempt_change", NOBODY, "attempt", data={"status": "succeeded"}),
    get("mailing_attempt_letter", LOOKERS, "attempt"),
    post("mailing_attempt_retry", SENDERS, "attempt"),
    post("mailing_attempt_lift", SENDERS, "attempt"),
    *look("delivery", LOOKERS, "delivery"),
    get("mailing_delivery_add", NOBODY),
    get("mailing_delivery_delete", NOBODY, "delivery"),
    post("mailing_delivery_change", NOBODY, "delivery", data={"status": "sent"}),
)

HELP = (
    post("first_steps", STAFF, changes=False),
    get("help", STAFF),
    get("help_words", STAFF),
    get("help_page", STAFF, "overview"),
    get("help_page", NOBODY, "no-such-page", answers=(), refusals=(404,)),
)

DEMO = (
    post("fill_with_examples", ROOT),
    get("mailing_mailbox", LOOKERS),
    get("mailing_mailbox_letter", LOOKERS, "letter"),
    get("mailing_mailbox_html", LOOKERS, "letter"),
    get("mailing_mailbox_file", LOOKERS, "letter"),
    post("mailing_mailbox_clear", SENDERS, changes=False),
    post("mailing_mailbox_fault", SENDERS, data={"fault": "none"}, changes=False),
)

# Vera is a Viewer, "nobody" holds no right at all, the administrators are two.
USERS = (
    get("auth_user_changelist", PEOPLE),
    get("auth_user_add", PEOPLE),
    save("auth_user_add", PEOPLE, form="user_form", username="newcomer", **PASSWORDS),
    *(get(f"auth_user_{page}", PEOPLE, who) for who in ("boss", "user", "nobody") for page in ("change", "history")),
    *(get(f"auth_user_{page}", ROOT, who) for who in ("boss", "user") for page in ("password_change", "delete")),
    *(get(f"auth_user_{page}", PEOPLE, "nobody") for page in ("password_change", "delete")),
    *(
        door
        for may, who in ((ROOT, "boss"), (ROOT, "user"), (PEOPLE, "nobody"))
        for door in (
            post("auth_user_password_change", may, who, data=PASSWORDS),
            save("auth_user_change", may, who, form="user_form", first_name="Вера"),
            save("auth_user_change", may, who, form="user_form", is_active=None, case="switched off"),
            post("auth_user_delete", may, who, data={"post": "yes"}),
            post("auth_user_unlock", may, who),
            act("auth_user", "delete_selected", may, who, data={"post": "yes"}, refusals=(403,)),
        )
    ),
)

SECOND_FACTOR = (post("auth_user_reset-second-factor", PEOPLE, "phoned"),)

USER_GROUPS = (
    get("auth_group_changelist", GROUPS),
    get("auth_group_add", GROUPS),
    save("auth_group_add", GROUPS, form="group_form", name="Helpers"),
    *(get(f"auth_group_{page}", GROUPS, which) for which in ("group", "custom") for page in ("change", "history")),
    get("auth_group_delete", ROOT, "group"),
    get("auth_group_delete", GROUPS, "custom"),
    post("auth_group_change", ROOT, "group", data={"permissions": "{send}"}),
    save("auth_group_change", GROUPS, "custom", form="group_form", name="Helpers"),
    post("auth_group_delete", ROOT, "group", data={"post": "yes"}),
    act("auth_group", "delete_selected", ROOT, "group", data={"post": "yes"}),
    post("auth_group_delete", GROUPS, "custom", data={"post": "yes"}),
    act("auth_group", "delete_selected", GROUPS, "custom", data={"post": "yes"}),
)

SYSTEM = (
    post("confirm_site", ROOT, changes=False),
    *USERS,
    *SECOND_FACTOR,
    *USER_GROUPS,
    get("app_list", STAFF, "auth", answers=(302,)),  # to the overview
    *(door for model in ("schedule", "failure") for door in read_only("django_q", model)),
    *read_only("mailing", "accessevent"),
    act("mailing_accessevent", "unlock", ROOT, "accessevent"),
    get("mailing_accessevent_export", ROOT),
    Door("admin:mailing_accessevent_export", ROOT, method="POST", data={"format": "0", "resource": "0"}),
)

DOORS: tuple[Door, ...] = (
    *SHELL,
    *CLIENTS,
    *EXCHANGE,
    *STOP_LIST,
    *MESSAGES,
    *MAILINGS,
    *RECIPIENTS,
    *ATTEMPTS,
    *HELP,
    *DEMO,
    *SYSTEM,
)
# Whoever may not open a list gets 403 for its actions, too; the others find them gone.
LISTS: dict[str, str] = {door.name: door.may for door in DOORS if door.method == "GET" and not door.args}
