"""A file on its way in as a server hands it over: read from a disk piece by piece, never whole in memory."""

from __future__ import annotations

import tempfile
from typing import Any

from django.test import Client as Browser

BOUNDARY = "--------samovar"


def upload(browser: Browser, url: str, data: bytes, name: str = "clients.csv", field: str = "import_file") -> Any:
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    with tempfile.TemporaryFile() as body:
        for piece in (head.encode(), data, f"\r\n--{BOUNDARY}--\r\n".encode()):
            body.write(piece)
        length = body.tell()
        body.seek(0)
        return browser.request(
            **{
                "REQUEST_METHOD": "POST",
                "PATH_INFO": url,
                "CONTENT_TYPE": f"multipart/form-data; boundary={BOUNDARY}",
                "CONTENT_LENGTH": str(length),
                "wsgi.input": body,
            }
        )
