"""What may be sent to us, and how much of it: known before a byte of a file is read or written to a disk.

Files are taken by the few pages that say so (`mailing.admin.common.pages.taking_file`), from whoever may use them.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import (
    FileUploadHandler,
    MemoryFileUploadHandler,
    StopUpload,
    TemporaryFileUploadHandler,
)
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.utils.translation import gettext_noop as _

from backoffice.views import bad_request
from mailing.errors import Refused
from mailing.tables import reading

MB = 2**20
SWALLOWED = 200 * MB  # a larger body is not even read to its end, so that the browser may not show why
AROUND = 64 * 1024  # boundaries and headers of a form's parts

TOO_LARGE = _(
    "What you sent is larger than the %(limit)s MB that a page takes. Go back, shorten the text and send it again."
)
NO_FILES = _("This page takes no files. Go back and send the form without them.")
ONE_FILE = _("This page takes one file at a time. Go back and choose one.")
TOO_MANY_FIELDS = _("The form has more fields than a page takes. Go back, choose less and send it again.")


class NoFile(Exception):
    """A file where none is taken."""


class NoFiles(FileUploadHandler):
    """Ends the reading at the first file."""

    def new_file(self, *args: object, **kwargs: object) -> None:
        raise NoFile

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        raise NoFile

    def file_complete(self, file_size: int) -> UploadedFile[Any] | None:
        return None


class NotFromYou(NoFiles):
    """Ends the reading, too, and lets the page itself say why: log in, or ask for the right."""

    def new_file(self, *args: object, **kwargs: object) -> None:
        raise StopUpload(connection_reset=True)


class Quota(FileUploadHandler):
    """Passes a file on as far as it may go; of a larger one nothing stays but its name and size, for the form."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        return raw_data if start + len(raw_data) <= reading.SIZE_LIMIT else None

    def file_complete(self, file_size: int) -> UploadedFile[Any] | None:
        if file_size <= reading.SIZE_LIMIT:
            return None
        return UploadedFile(io.BytesIO(), self.file_name, self.content_type, file_size)


class UploadsMiddleware:
    """Reads the form itself, so that what cannot be read is answered with a page and a sentence, not with a trace."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: object, kwargs: object
    ) -> HttpResponse | None:
        if request.method != "POST":
            return None
        right = getattr(view, "takes_file", "")
        if request.content_type == "multipart/form-data":
            invited = bool(right) and admin.site.has_permission(request) and request.user.has_perm(right)
            if _is_endless(request, right, invited=invited):
                return _answer(request, 413, *_too_large(invited=invited))
            request.upload_handlers = _handlers(request, right, invited=invited)
        return _unreadable(request)


def _is_endless(request: HttpRequest, right: str, *, invited: bool) -> bool:
    """Not worth reading. A page for files says itself what somebody without the right shall do."""
    length = int(request.META.get("CONTENT_LENGTH") or 0)
    if right and not invited:
        return False
    return length > (SWALLOWED if invited else _form_limit() + AROUND)


def _handlers(request: HttpRequest, right: str, *, invited: bool) -> list[FileUploadHandler]:
    if invited:
        return [Quota(request), MemoryFileUploadHandler(request), TemporaryFileUploadHandler(request)]
    return [NotFromYou(request) if right else NoFiles(request)]


def _unreadable(request: HttpRequest) -> HttpResponse | None:
    """The page to answer with, when the form cannot be read."""
    try:
        request.POST  # noqa: B018 (reads it)
    except NoFile:
        return _answer(request, 400, NO_FILES)
    except RequestDataTooBig:
        return _answer(request, 413, *_too_large(invited=False))
    except TooManyFilesSent:
        return _answer(request, 400, ONE_FILE)
    except TooManyFieldsSent:
        return _answer(request, 400, TOO_MANY_FIELDS)
    except (MultiPartParserError, UnreadablePostError):
        return bad_request(request)
    return None


def _too_large(*, invited: bool) -> tuple[str, int]:
    return (reading.TOO_LARGE, reading.SIZE_LIMIT // MB) if invited else (TOO_LARGE, _form_limit() // MB)


def _form_limit() -> int:
    return settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0


def _answer(request: HttpRequest, status: int, sentence: str, limit: int = 0) -> HttpResponse:
    response = bad_request(request, Refused(sentence, limit=limit))
    response.status_code = status
    return response
