"""A mail server at a distance: accepts everything, each reply leaves one round trip after its request.

`python -m benchmarks.distant PORT ROUND_TRIP_SECONDS [chunking]`. Prints "accepted first last" (epoch seconds) ten
times a second while letters arrive, and once more when it is stopped.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time

GREETING = b"220 distant ESMTP\r\n"
EHLO = b"250-distant\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 50000000\r\n"
CHUNKING = b"250-CHUNKING\r\n"
END = b"\r\n.\r\n"


class Counter:
    def __init__(self) -> None:
        self.accepted = 0
        self.printed = -1
        self.first = 0.0
        self.last = 0.0

    def add(self) -> None:
        self.accepted += 1
        self.last = time.time()
        self.first = self.first or self.last

    def print(self) -> None:
        if self.accepted != self.printed:
            self.printed = self.accepted
            sys.stdout.write(f"{self.accepted} {self.first:.3f} {self.last:.3f}\n")
            sys.stdout.flush()


class Session(asyncio.Protocol):
    """One connection. Understands exactly what a correct client says, in any grouping."""

    def __init__(self, counter: Counter, round_trip: float, *, chunking: bool) -> None:
        self.counter = counter
        self.round_trip = round_trip
        self.chunking = chunking
        self.buffer = b""
        self.chunk = 0  # bytes of a letter by BDAT
        self.in_letter = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.reply(GREETING)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        replies = []
        while (answer := self.step()) is not None:
            replies.append(answer)
        if replies:
            self.reply(b"".join(replies))

    def step(self) -> bytes | None:
        """The answer to the next whole command or letter in the buffer; None when there is none."""
        if self.in_letter:
            _letter, end, rest = self.buffer.partition(END)
            return self.took(rest) if end else None
        if self.chunk:
            whole = len(self.buffer) >= self.chunk
            return self.took(self.buffer[self.chunk :]) if whole else None
        line, end, rest = self.buffer.partition(b"\r\n")
        if not end:
            return None
        self.buffer = rest
        if line.startswith(b"BDAT"):  # always the last, and never empty
            self.chunk = int(line.split()[1])
            return self.step()
        return self.answer(line[:4].upper())

    def took(self, rest: bytes) -> bytes:
        self.buffer, self.in_letter, self.chunk = rest, False, 0
        self.counter.add()
        return b"250 2.0.0 Ok: queued\r\n"

    def answer(self, verb: bytes) -> bytes:
        if verb == b"EHLO":
            return EHLO.replace(b"250 ", CHUNKING + b"250 ") if self.chunking else EHLO
        if verb == b"DATA":
            self.in_letter = True
            return b"354 Go on\r\n"
        return b"221 Bye\r\n" if verb == b"QUIT" else b"250 2.1.0 Ok\r\n"

    def reply(self, data: bytes) -> None:
        if not self.round_trip:
            self.transport.write(data)
            return
        asyncio.get_running_loop().call_later(self.round_trip, self.transport.write, data)


async def serve(port: int, round_trip: float, *, chunking: bool) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    counter = Counter()
    server = await loop.create_server(lambda: Session(counter, round_trip, chunking=chunking), "127.0.0.1", port)
    while not stopped.is_set():
        counter.print()
        try:
            await asyncio.wait_for(stopped.wait(), 0.1)
        except TimeoutError:
            continue
    server.close()
    counter.print()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2]), chunking="chunking" in sys.argv[3:]))
