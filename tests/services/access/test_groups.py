from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.core.management.sql import emit_post_migrate_signal

from mailing.services.access import groups

pytestmark = pytest.mark.django_db


def codenames(name: str) -> set[str]:
    return set(Group.objects.get(name=name).permissions.values_list("codename", flat=True))


def test_the_three_groups_exist_after_migrate() -> None:
    for name in ("Manager", "Editor", "Viewer"):
        assert codenames(name) == groups.PERMISSIONS[name]


def test_only_managers_may_send() -> None:
    holders = Group.objects.filter(permissions__codename="send_mailing").values_list("name", flat=True)
    assert list(holders) == ["Manager"]


def test_viewers_only_look() -> None:
    assert all(codename.startswith("view_") for codename in codenames("Viewer"))


def test_nobody_may_write_attempts_deliveries_or_the_queue() -> None:
    granted = codenames("Manager") | codenames("Editor") | codenames("Viewer")
    writable = {f"{verb}_{model}" for verb in ("add", "change", "delete") for model in ("attempt", "delivery")}
    assert not granted & writable
    assert not Group.objects.filter(permissions__content_type__app_label="django_q").exists()


def test_migrate_leaves_a_group_that_staff_changed_alone() -> None:
    editor = Group.objects.get(name="Editor")
    editor.permissions.remove(Permission.objects.get(codename="export_client"))
    emit_post_migrate_signal(verbosity=0, interactive=False, db="default")
    assert "export_client" not in codenames("Editor")


def test_sync_groups_sets_ours_back_and_keeps_what_belongs_to_others(capsys: pytest.CaptureFixture[str]) -> None:
    editor, own = Group.objects.get(name="Editor"), Group.objects.create(name="Accounting")
    editor.permissions.add(*Permission.objects.filter(codename__in=["send_mailing", "view_user"]))
    for _ in range(2):
        call_command("sync_groups")
    assert codenames("Editor") == groups.PERMISSIONS["Editor"] | {"view_user"}
    assert Group.objects.filter(pk=own.pk).exists()
    assert "Editor:" in capsys.readouterr().out


def test_sync_groups_makes_a_deleted_group_again() -> None:
    Group.objects.get(name="Viewer").delete()
    call_command("sync_groups")
    assert codenames("Viewer") == groups.PERMISSIONS["Viewer"]
