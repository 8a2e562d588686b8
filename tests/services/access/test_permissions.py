"""One rule: without the right to send nobody changes what will reach clients by itself."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User

from mailing.errors import NotAllowed
from mailing.services.access import permissions, site_guard
from tests.factories import MailingFactory, MessageFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def editor() -> User:
    return UserFactory()


@pytest.fixture
def manager() -> User:
    user = UserFactory()
    user.user_permissions.add(Permission.objects.get(codename="send_mailing"))
    return user


@pytest.mark.parametrize(
    ("state", "free"), [({}, False), ({"is_paused": True}, True), ({"status": "finished"}, True)]
)
def test_an_editor_changes_what_does_not_send_by_itself(state: dict[str, object], free: bool, editor: User) -> None:
    mailing = MailingFactory(**state)

    assert permissions.may_change_mailing(editor, mailing) is free
    assert permissions.may_change_message(editor, mailing.message) is free
    assert permissions.may_change_recipients(editor, [mailing]) is free


def test_a_manager_and_the_system_change_everything(manager: User) -> None:
    mailing = MailingFactory()

    for by in (manager, None):
        assert permissions.may_change_mailing(by, mailing)
        assert permissions.may_change_message(by, mailing.message)
        permissions.require_recipients(by, [mailing])


def test_a_message_nobody_sends_is_free(editor: User) -> None:
    assert permissions.may_change_message(editor, MessageFactory())


def test_recipients_of_an_active_mailing_are_refused_in_words(editor: User) -> None:
    with pytest.raises(NotAllowed, match="Manager"):
        permissions.require_recipients(editor, [MailingFactory(is_paused=True), MailingFactory()])


def test_only_an_administrator_confirms_that_a_copy_may_write(manager: User, superuser: User) -> None:
    with pytest.raises(NotAllowed):
        site_guard.confirm_site(by=manager)

    site_guard.confirm_site(by=superuser)
