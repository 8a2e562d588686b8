"""What is sent to us has a quota, and nobody but those who may import gets a byte of a file onto our disk."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client as Browser

from mailing.models import ClientImport, Message
from tests.admin.people import somebody
from tests.factories import UserFactory
from tests.memory import grows_at_most
from tests.tables import files
from tests.uploading import BOUNDARY, MULTIPART, Body, form, post, upload

pytestmark = pytest.mark.django_db
MB = 2**20
LOGIN = "/admin/login/"
IMPORT = "/admin/mailing/client/import/"
STOP = "/admin/mailing/suppression/file/"
ONE_PIECE = 256 * 1024  # what is read before a file is recognised


@pytest.fixture(autouse=True)
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where Django would put files; what it opens there is deleted again, so writing is what is counted."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def browser(client: Browser, superuser: User) -> Browser:
    client.force_login(superuser)
    return client


@pytest.fixture
def no_file_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a temporary file was opened")

    monkeypatch.setattr("django.core.files.uploadedfile.TemporaryUploadedFile.__init__", opened)


def words(response: Any) -> str:
    return str(response.content.decode())


@pytest.mark.usefixtures("no_file_is_opened")
@pytest.mark.parametrize(
    "url",
    [LOGIN, "/", "/admin/", "/i18n/setlang/", "/healthz", "/u/nonsense/", "/admin/mailing/client/add/", "/nowhere/"],
)
def test_a_stranger_sends_sixty_megabytes_to_nobody(client: Browser, url: str) -> None:
    body = form(b"x" * (60 * MB), username="me")
    with grows_at_most(8):
        response = post(client, url, body)
    assert 300 <= response.status_code < 500
    assert body.taken <= ONE_PIECE


@pytest.mark.usefixtures("no_file_is_opened")
def test_a_file_that_comes_in_small_is_no_better_at_a_page_that_takes_none(client: Browser) -> None:
    response = upload(client, LOGIN, b"x" * MB)
    assert response.status_code == 400
    assert "This page takes no files." in words(response)


def test_too_large_a_form_is_answered_with_a_page(client: Browser) -> None:
    body = Body(b"username=" + b"x" * (5 * MB))
    response = post(client, LOGIN, body, "application/x-www-form-urlencoded")
    assert response.status_code == 413
    assert "larger than the 4 MB" in words(response)
    assert body.taken == 0


def test_too_large_a_field_of_many_parts_is_answered_with_a_page(client: Browser) -> None:
    body = form(b"", username="x" * (4 * MB + 10))
    response = post(client, LOGIN, body)
    assert response.status_code == 413
    assert "larger than the 4 MB" in words(response)


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", MULTIPART])
def test_too_many_fields_are_answered_with_a_page(client: Browser, kind: str) -> None:
    many = {f"f{number}": "1" for number in range(1100)}
    body = form(b"", **many) if "multipart" in kind else Body("&".join(f"{name}=1" for name in many).encode())
    response = post(client, LOGIN, body, kind)
    assert response.status_code == 400
    assert "more fields than a page takes" in words(response)


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=\u00e9"])
def test_a_form_that_cannot_be_read_is_a_bad_request(client: Browser, kind: str) -> None:
    assert post(client, LOGIN, Body(b"nonsense"), kind).status_code == 400


@pytest.mark.usefixtures("no_file_is_opened")
@pytest.mark.parametrize("url", [IMPORT, STOP])
def test_who_may_not_import_is_told_so_by_the_page_itself(client: Browser, url: str) -> None:
    body = form(b"x" * (60 * MB))
    assert post(client, url, body).url.startswith("/admin/login/")
    assert body.taken <= ONE_PIECE
    body = form(b"x" * (60 * MB))
    assert post(somebody("Viewer"), url, body).status_code == 403
    assert body.taken <= ONE_PIECE


@pytest.mark.usefixtures("no_file_is_opened")
def test_the_right_without_the_admin_opens_nothing(client: Browser) -> None:
    user = UserFactory(is_staff=False)
    user.user_permissions.set(Permission.objects.filter(codename="import_client"))
    client.force_login(user)
    assert post(client, IMPORT, form(b"x" * MB)).status_code in {302, 403}


@pytest.mark.parametrize("url", [IMPORT, STOP])
def test_too_large_a_file_comes_back_to_its_form_with_a_sentence(browser: Browser, url: str) -> None:
    body = form(b"x" * (21 * MB))
    with grows_at_most(16):
        response = post(browser, url, body)
    assert response.status_code == 200
    assert "larger than 20 MB" in words(response)
    assert "import_file" in response.context["form"].errors
    assert not ClientImport.objects.exists()


def test_a_file_larger_than_anything_is_not_even_read(browser: Browser) -> None:
    body = form(b"")
    body.length = 300 * MB
    response = post(browser, IMPORT, body)
    assert response.status_code == 413
    assert "larger than 20 MB" in words(response)
    assert body.taken == 0


def test_two_files_are_one_too_many(browser: Browser) -> None:
    one, two = form(b"email\n"), form(b"email\n")
    first = one.read().rpartition(f"--{BOUNDARY}--".encode())[0]
    response = post(browser, IMPORT, Body(first, two.read()))
    assert response.status_code == 400
    assert "one file at a time" in words(response)


def test_a_file_of_an_allowed_size_passes(browser: Browser) -> None:
    assert "preview" in upload(browser, IMPORT, files.csv()).context


def test_a_letter_as_long_as_may_be_reaches_its_form(browser: Browser) -> None:
    """Both its versions of 500 KB in Russian, which a form spells with six bytes a letter."""
    text = "\u0448" * 249_000
    fields = {"subject": "x", "body": "{{ unsubscribe_url }}" + text, "text_body": "{{ unsubscribe_url }}" + text}
    body = urlencode(fields)
    assert len(body) > 2.8 * MB
    browser.post("/admin/mailing/message/add/", body, content_type="application/x-www-form-urlencoded")
    assert Message.objects.count() == 1
