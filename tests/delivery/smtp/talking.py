"""A session whose server is the test."""

from __future__ import annotations

from typing import Any

from mailing.delivery.smtp.capabilities import Capabilities
from mailing.delivery.smtp.chunked import Chunked
from mailing.delivery.smtp.dialogue import Dialogue
from mailing.delivery.smtp.experience import Experience
from mailing.delivery.smtp.session import Session
from mailing.delivery.transport import End
from tests.delivery.carrying import Queue, letter, options

PIPED = Capabilities(pipelining=True, eight_bit=True)
PLAIN = Capabilities(eight_bit=True)
GROUP_OK = b"250 sender\r\n250 recipient\r\n354 go\r\n"


class Talk:
    """`said` is what left since it was last read."""

    def __init__(self, queue: Queue, capabilities: Capabilities = PIPED, **changes: Any) -> None:
        self.now = 0.0
        self.written: list[bytes] = []
        self.queue = queue
        self.session = self._dialogue(capabilities, **changes)
        self.session.start(queue)

    def _dialogue(self, capabilities: Capabilities, **changes: Any) -> Dialogue:
        return Session(options(25, **changes), capabilities, self._write, lambda: self.now)

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


class ChunkedTalk(Talk):
    """By BDAT. `network_takes`: so many bytes of a write leave at once (None: all), the rest stands in our buffer."""

    def __init__(self, queue: Queue, *, experience: Experience | None = None, **changes: Any) -> None:
        self.experience = experience or Experience()
        self.network_takes: int | None = None
        self.was_cut = False
        super().__init__(queue, **changes)

    def _dialogue(self, capabilities: Capabilities, **changes: Any) -> Dialogue:
        told = options(25, **{"pipeline": 8, "letter_budget": 500.0, **changes})
        clock, experience = lambda: self.now, self.experience
        return Chunked(told, capabilities, self._write, clock, cut=self._cut, experience=experience)

    def _write(self, data: bytes | memoryview) -> None:
        super()._write(data)
        if self.network_takes is not None and self.network_takes < len(data):
            self.session.pause(True)

    def _cut(self) -> None:
        self.was_cut = True


def envelope(key: int) -> bytes:
    return f"RSET\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<c{key}@example.com>\r\n".encode()


def chunk(key: int) -> bytes:
    data = letter(key).data
    return b"BDAT %d LAST\r\n%b" % (len(data), data)


def whole(key: int) -> bytes:
    return envelope(key) + chunk(key)


def group(key: int) -> bytes:
    return f"MAIL FROM:<a@example.org>\r\nRCPT TO:<c{key}@example.com>\r\nDATA\r\n".encode()
