"""A large file is loaded by a worker while its owner looks at the progress; a small one at once."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.utils import timezone
from django_q.models import OrmQ

from mailing import scheduling, tasks
from mailing.models import Client, ClientImport, Heartbeat
from mailing.services.clients import imports, merge
from tests.factories import UserFactory
from tests.tables import files

pytestmark = pytest.mark.django_db
IMPORT = "/admin/mailing/client/import/"
PROCESS = "/admin/mailing/client/process_import/"


@pytest.fixture(autouse=True)
def _small_files_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "LARGE", 5)


@pytest.fixture
def cluster() -> Heartbeat:
    now = timezone.now()
    return Heartbeat.objects.create(host="here", pid=1, version="1", workers=1, seen=now, worker_seen=now)


@pytest.fixture
def browser(superuser: User) -> Browser:
    browser = Browser()
    browser.force_login(superuser)
    return browser


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What was put into the queue."""
    tasks_put: list[tuple[Any, ...]] = []
    monkeypatch.setattr(scheduling, "enqueue", lambda *call: tasks_put.append(call))
    return tasks_put


def check(browser: Browser, rows: int = 10) -> Any:
    data = files.csv([(f"c{number}@example.ru", "Имя", "") for number in range(rows)])
    return browser.post(IMPORT, {"import_file": SimpleUploadedFile("clients.csv", data)})


def load(browser: Browser, checked: Any, **more: str) -> Any:
    return browser.post(PROCESS, {**checked.context["confirm_form"].initial, **more})


def only() -> ClientImport:
    return ClientImport.objects.get()


def page(browser: Browser, name: str) -> Any:
    return browser.get(f"{IMPORT}{only().pk}/{name}/")


@pytest.mark.usefixtures("cluster")
def test_a_large_file_is_loaded_by_a_worker(browser: Browser, queued: list[tuple[Any, ...]]) -> None:
    checked = check(browser)
    expected = only().counters
    assert load(browser, checked).url == f"{IMPORT}{only().pk}/progress/"
    assert not Client.objects.exists()
    assert "Waiting for a free worker" in page(browser, "progress").content.decode()

    assert queued == [(scheduling.LOAD_CLIENTS, only().pk, "en")]
    tasks.load_clients(only().pk, "en")
    assert (Client.objects.count(), only().counters) == (10, expected)
    assert page(browser, "live")["X-Live"] == "done"
    assert page(browser, "progress").url == f"{IMPORT}{only().pk}/result/"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("cluster")
def test_the_task_reaches_the_queue_with_numbers_and_a_language(browser: Browser) -> None:
    load(browser, check(browser))
    task = OrmQ.objects.get().task
    assert (task["func"], task["args"]) == ("mailing.tasks.load_clients", (only().pk, "en"))


@pytest.mark.usefixtures("cluster")
def test_the_progress_counts_rows_while_it_goes_on(
    browser: Browser, queued: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge, "SLICE", 4)
    seen: list[str] = []
    original = merge.upsert

    def write(rows: Any, *, source: str) -> None:
        seen.append(page(browser, "live").content.decode())
        original(rows, source=source)

    monkeypatch.setattr(merge, "upsert", write)
    load(browser, check(browser))
    tasks.load_clients(only().pk, "en")
    assert [words in html for words, html in zip(("0 of 10", "4 of 10", "8 of 10"), seen, strict=True)] == [True] * 3
    assert "You may leave this page" in seen[0]


@pytest.mark.usefixtures("queued")
def test_without_a_worker_a_large_file_is_loaded_at_once(browser: Browser) -> None:
    assert load(browser, check(browser)).url == f"{IMPORT}{only().pk}/result/"
    assert Client.objects.count() == 10


def test_workers_that_do_not_answer_are_not_waited_for(browser: Browser, cluster: Heartbeat) -> None:
    Heartbeat.objects.update(worker_seen=None)
    assert load(browser, check(browser)).url.endswith("/result/")


@pytest.mark.usefixtures("cluster")
def test_a_small_file_is_loaded_at_once(browser: Browser, queued: list[tuple[Any, ...]]) -> None:
    assert load(browser, check(browser, rows=4)).url.endswith("/result/")
    assert queued == []


@pytest.mark.usefixtures("cluster")
def test_whoever_does_not_want_to_wait_loads_it_and_the_worker_finds_nothing_to_do(
    browser: Browser, queued: list[tuple[Any, ...]]
) -> None:
    checked = check(browser)
    load(browser, checked)
    load(browser, checked)
    assert len(queued) == 1
    assert load(browser, checked, now="1").url.endswith("/result/")
    tasks.load_clients(only().pk, "en")
    assert (Client.objects.count(), only().trouble) == (10, "")


@pytest.mark.usefixtures("cluster")
def test_a_right_taken_away_meanwhile_stops_the_worker_with_a_sentence(queued: list[tuple[Any, ...]]) -> None:
    user = UserFactory()
    user.user_permissions.set(Permission.objects.filter(codename__in=("import_client", "view_client")))
    browser = Browser()
    browser.force_login(user)
    load(browser, check(browser))
    user.user_permissions.remove(Permission.objects.get(codename="import_client"))
    tasks.load_clients(only().pk, "en")
    assert not Client.objects.exists()
    assert only().trouble == "You may not import clients. Ask your administrator."


@pytest.mark.usefixtures("cluster")
def test_a_loading_that_breaks_is_told_and_can_be_repeated(
    browser: Browser, queued: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = check(browser)
    load(browser, checked)
    with monkeypatch.context() as broken:
        broken.setattr(merge, "upsert", _no_disk)
        with pytest.raises(OSError, match="disk"):
            tasks.load_clients(only().pk, "en")
    response = page(browser, "live")
    assert "The loading stopped in the middle" in response.content.decode()
    assert response["X-Live"] == "done"
    load(browser, checked, now="1")
    assert Client.objects.count() == 10


@pytest.mark.usefixtures("cluster")
def test_nobody_else_sees_the_progress(browser: Browser, queued: list[tuple[Any, ...]]) -> None:
    load(browser, check(browser))
    other = Browser()
    other.force_login(User.objects.create_superuser("other", "o@example.ru", "x"))
    assert [page(other, name).status_code for name in ("progress", "live")] == [404, 404]


def test_the_page_renews_itself_without_scripts(browser: Browser, cluster: Heartbeat, queued: Any) -> None:
    load(browser, check(browser))
    assert (
        '<noscript><meta http-equiv="refresh" content="3"></noscript>' in page(browser, "progress").content.decode()
    )


def _no_disk(*args: Any, **kwargs: Any) -> None:
    raise OSError("disk full")
