"""A session whose server is the test."""

from __future__ import annotations

from typing import Any

from mailing.delivery.smtp.capabilities import Capabilities
from mailing.delivery.smtp.session import Session
from mailing.delivery.transport import End
from tests.delivery.carrying import Queue, options

PIPED = Capabilities(pipelining=True, eight_bit=True)
PLAIN = Capabilities(eight_bit=True)
GROUP_OK = b"250 sender\r\n250 recipient\r\n354 go\r\n"


class Talk:
    """`said` is what left since it was last read."""

    def __init__(self, queue: Queue, capabilities: Capabilities = PIPED, **changes: Any) -> None:
        self.now = 0.0
        self.written: list[bytes] = []
        self.queue = queue
        self.session = Session(options(25, **changes), capabilities, self._write, lambda: self.now)
        self.session.start(queue)

    def _write(self, data: bytes | memoryview) -> None:
        self.written.append(bytes(data))

    def hear(self, data: bytes) -> None:
        self.session.receive(data)

    @property
    def said(self) -> bytes:
        written, self.written = b"".join(self.written), []
        return written

    @property
    def end(self) -> End | None:
        return self.session.ending.end if self.session.ending else None


def group(key: int) -> bytes:
    return f"MAIL FROM:<a@example.org>\r\nRCPT TO:<c{key}@example.com>\r\nDATA\r\n".encode()
