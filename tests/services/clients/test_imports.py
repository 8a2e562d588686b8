"""From a file to clients: checked, loaded once, never more than the file says."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.files import File
from django.utils import timezone

from mailing.errors import NotAllowed, Refused
from mailing.models import Client, ClientImport, Mailing, Suppression
from mailing.services.clients import imports, merge
from mailing.tables import reading
from tests.factories import ClientFactory, MailingFactory, SuppressionFactory, UserFactory, from_file
from tests.tables import files

pytestmark = pytest.mark.django_db


def receive(data: bytes, *, by: User | None = None, mailing: Mailing | None = None) -> ClientImport:
    return imports.receive(File(io.BytesIO(data), name="clients.csv"), by=by, mailing=mailing)


def load(data: bytes, *, by: User | None = None, mailing: Mailing | None = None) -> merge.MergeReport:
    upload = receive(data, by=by, mailing=mailing)
    imports.check(upload)
    return imports.load(upload, by=by)


def editor(*codenames: str) -> User:
    user = UserFactory()
    user.user_permissions.set(Permission.objects.filter(codename__in=["import_client", *codenames]))
    return user


@pytest.mark.parametrize("kind", files.KINDS)
def test_every_kind_of_file_loads_the_same_clients_and_names_the_same_rows(kind: str) -> None:
    report = load(files.KINDS[kind])
    assert sorted(Client.objects.values_list("email", flat=True)) == files.LOADED
    assert [problem.line for problem in report.problems] == files.LEFT_OUT
    assert [problem.reason for problem in report.problems] == [
        "This is not an e-mail address.",
        "Repeated: this address is already in row 2.",
        "There is no address in this row.",
    ]


def test_the_check_says_what_the_loading_does_and_writes_no_client() -> None:
    ClientFactory(email="boris@example.ru", full_name="Борис", comment="старый")
    ClientFactory(email="dina@example.ru", full_name="Дина", comment="79161234567")
    upload = receive(files.csv())
    _sheet, checked = imports.check(upload)
    assert Client.objects.count() == 2
    assert checked.counters() == {"new": 1, "changed": 1, "unchanged": 1, "problems": 3}
    assert imports.load(upload, by=None).counters() == checked.counters()


def test_a_blank_cell_never_erases_what_is_stored() -> None:
    ClientFactory(email="boris@example.ru", full_name="Б", greeting="Борис", comment="важно")
    load(files.csv())
    client = Client.objects.get(email="boris@example.ru")
    assert (client.full_name, client.greeting, client.comment) == ("Борис Петров", "Борис", "важно")


def test_a_loaded_client_is_found_by_search_and_says_where_it_came_from() -> None:
    load(files.csv())
    client = Client.objects.search("ЕЛКИНА выставки").get()
    assert client.email == "anna@example.ru"
    assert client.source.startswith("import clients.csv, ")
    assert client.imports.count() == 1


def test_a_changed_client_keeps_its_source_and_is_found_by_its_new_name() -> None:
    ClientFactory(email="dina@example.ru", full_name="Старое Имя", source="by hand")
    load(files.csv())
    client = Client.objects.search("дина").get()
    assert client.source == "by hand"
    assert not Client.objects.search("старое").exists()


def test_an_import_never_lifts_a_suppression() -> None:
    SuppressionFactory(email="anna@example.ru")
    load(files.csv())
    assert Suppression.objects.filter(email="anna@example.ru").exists()


def test_the_second_load_of_the_same_file_changes_nothing() -> None:
    load(files.csv())
    before = list(Client.objects.order_by("pk").values("pk", "full_name", "updated_at"))
    report = load(files.csv())
    assert report.counters() == {"new": 0, "changed": 0, "unchanged": 3, "problems": 3}
    assert list(Client.objects.order_by("pk").values("pk", "full_name", "updated_at")) == before


def test_stored_text_that_only_tidying_would_change_counts_as_unchanged() -> None:
    ClientFactory(email="dina@example.ru", full_name="Дина", comment="one\r\ntwo")
    report = load('email;name;comment\ndina@example.ru;Дина;"one\ntwo"\n'.encode())
    assert report.unchanged == 1


def test_the_file_is_gone_after_loading_and_the_bad_rows_stay_for_download() -> None:
    upload = receive(files.csv())
    imports.check(upload)
    imports.load(upload, by=None)
    kept = ClientImport.objects.get()
    assert not kept.pieces.exists()
    assert "bad-email" in b"".join(imports.kept_problems(kept)).decode("utf-8-sig")


def test_an_unreadable_file_leaves_nothing_behind() -> None:
    upload = receive(b"nothing here")
    with pytest.raises(Refused):
        imports.check(upload)
    assert not ClientImport.objects.exists()


def test_a_file_is_loaded_once() -> None:
    upload = receive(files.csv())
    imports.check(upload)
    imports.load(ClientImport.objects.get(pk=upload.pk), by=None)
    with pytest.raises(Refused, match="no longer stored"):
        imports.load(upload, by=None)


def test_a_second_press_during_the_loading_is_told_so() -> None:
    upload = receive(files.csv())
    ClientImport.objects.update(started_at=timezone.now())
    with pytest.raises(Refused, match="being loaded right now"):
        imports.load(upload, by=None)


def test_a_loading_that_died_can_be_taken_up() -> None:
    upload = receive(files.csv())
    ClientImport.objects.update(started_at=timezone.now() - imports.STUCK_AFTER - timedelta(seconds=1))
    assert imports.load(upload, by=None).new == 3


def test_figures_that_differ_from_the_check_are_marked() -> None:
    upload = receive(files.csv())
    imports.check(upload)
    ClientFactory(email="anna@example.ru", full_name="Кто-то другой")
    imports.load(upload, by=None)
    assert ClientImport.objects.get().counters["differs"]


def test_an_address_that_somebody_else_adds_in_the_same_moment_is_updated_not_doubled() -> None:
    late = [from_file("anna@example.ru", "Анна")]
    ClientFactory(email="anna@example.ru", full_name="A", comment="by hand")
    merge.upsert(late, source="x")
    client = Client.objects.get(email="anna@example.ru")
    assert (client.full_name, client.comment) == ("Анна", "by hand")


def test_everybody_in_the_file_becomes_a_recipient_also_the_unchanged() -> None:
    mailing = MailingFactory(is_paused=True)
    load(files.csv())
    load(files.csv(), mailing=mailing)
    assert sorted(mailing.clients.values_list("email", flat=True)) == files.LOADED


def test_without_the_right_to_send_only_a_draft_takes_recipients() -> None:
    user = editor("change_mailing")
    with pytest.raises(NotAllowed):
        receive(files.csv(), by=user, mailing=MailingFactory())
    assert load(files.csv(), by=user, mailing=MailingFactory(is_paused=True)).new == 3


def test_a_mailing_that_became_active_since_the_check_is_refused() -> None:
    user, mailing = editor("change_mailing"), MailingFactory(is_paused=True)
    upload = receive(files.csv(), by=user, mailing=mailing)
    Mailing.objects.update(is_paused=False)
    with pytest.raises(NotAllowed):
        imports.load(ClientImport.objects.get(pk=upload.pk), by=user)


def test_nobody_imports_without_the_permission() -> None:
    with pytest.raises(NotAllowed):
        receive(files.csv(), by=UserFactory())


def test_one_entry_in_the_log_says_who_loaded_what() -> None:
    load(files.csv(), by=editor())
    entry = LogEntry.objects.get()
    assert entry.object_repr == "clients.csv"
    assert "new: 3" in entry.get_change_message()


def test_expired_files_are_purged_and_the_counters_of_loaded_ones_stay() -> None:
    load(files.csv())
    receive(files.csv())
    assert imports.purge_uploads(timezone.now()) == 0
    assert imports.purge_uploads(timezone.now() + imports.KEPT_FOR) == 2
    kept = ClientImport.objects.get()
    assert (kept.pieces.count(), kept.problems, kept.counters["new"]) == (0, None, 3)


def test_slices_are_committed_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "SLICE", 2)
    seen: list[int] = []
    upload = receive(files.csv())
    imports.check(upload)
    report = imports.load(upload, by=None, progress=seen.append)
    assert seen == [2, 4, 6]
    assert (report.new, [problem.line for problem in report.problems]) == (3, files.LEFT_OUT)


def test_a_name_that_is_too_long_is_a_bad_row() -> None:
    report = load(files.csv([("a@example.ru", "x" * 301, ""), ("b@example.ru", "B", "")]))
    assert [problem.reason for problem in report.problems] == ["The full name is longer than 300 characters."]
    assert report.new == 1


def test_addresses_are_taken_out_of_what_surrounds_them() -> None:
    load(files.csv([("Анна <Anna@Example.ru>", "", ""), ("mailto:boris@example.ru", "", "")]))
    assert sorted(Client.objects.values_list("email", flat=True)) == ["anna@example.ru", "boris@example.ru"]


def test_reading_is_the_same_for_preview_and_load() -> None:
    sheet = reading.read(files.csv())
    assert merge.check(sheet).counters() == load(files.csv()).counters()
