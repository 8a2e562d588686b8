"""A file on its way in as a server hands it over: read from a disk piece by piece, never whole in memory."""

from __future__ import annotations

import tempfile
from typing import Any

from django.test import Client as Browser

BOUNDARY = "--------samovar"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"


class Body:
    """The body of a request, on a disk: remembers how far it was read."""

    def __init__(self, *pieces: bytes) -> None:
        self.file = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the last reference)
        for piece in pieces:
            self.file.write(piece)
        self.length = self.file.tell()
        self.taken = 0
        self.file.seek(0)

    def read(self, size: int = -1) -> bytes:
        found = self.file.read(size)
        self.taken += len(found)
        return found

    def readline(self, size: int = -1) -> bytes:
        found = self.file.readline(size)
        self.taken += len(found)
        return found


def form(data: bytes, name: str = "clients.csv", field: str = "import_file", **fields: str) -> Body:
    """A file in a form, with these fields before it."""
    before = "".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
        for key, value in fields.items()
    )
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return Body(before.encode(), head.encode(), data, f"\r\n--{BOUNDARY}--\r\n".encode())


def post(browser: Browser, url: str, body: Body, content_type: str = MULTIPART) -> Any:
    return browser.request(
        **{
            "REQUEST_METHOD": "POST",
            "PATH_INFO": url,
            "CONTENT_TYPE": content_type,
            "CONTENT_LENGTH": str(body.length),
            "wsgi.input": body,
        }
    )


def upload(browser: Browser, url: str, data: bytes) -> Any:
    return post(browser, url, form(data))
