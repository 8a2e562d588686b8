"""Bytes from the server -> replies, strictly by RFC 5321 section 4.2, with bounded memory.

Whatever is not a reply breaks the parser for good: after one unintelligible line nobody knows which command the
next reply belongs to (smtplib goes on, and once put client 4's letter inside client 3's).
"""

from __future__ import annotations

from typing import NamedTuple

LINE_LIMIT = 2048  # bytes; RFC 5321 4.5.3.1.5 promises 512
LINES_LIMIT = 100  # in one reply
KNOWN_LIMIT = 30  # lines kept

CODES = {str(code).encode(): code for code in range(200, 560) if code // 10 % 10 <= 5}


class Answer(NamedTuple):
    """One complete reply; the texts of its lines are joined by newlines."""

    code: int
    text: bytes


class ReplyParser:
    """Feed bytes, take answers. `broken` holds the line that was no reply; nothing is read after it."""

    __slots__ = ("_code", "_known", "_rest", "_texts", "broken")

    def __init__(self) -> None:
        self._rest = b""
        self._texts: list[bytes] = []  # of the reply under way
        self._code = 0
        self._known: dict[bytes, Answer] = {}  # a server answers most commands in the same words each time
        self.broken: bytes | None = None

    @property
    def unfinished(self) -> bool:
        """Part of a reply has been read."""
        return bool(self._rest or self._texts)

    def feed(self, data: bytes) -> list[Answer]:
        """The replies `data` completes, up to the first line that is none."""
        if self.broken is not None:
            return []
        *lines, self._rest = (self._rest + data if self._rest else data).split(b"\r\n")
        answers: list[Answer] = []
        for line in lines:
            known = self._known.get(line)
            if known is not None and not self._texts:
                answers.append(known)
            elif not self._read(line, answers):
                self._break(line)
                return answers
        if len(self._rest) > LINE_LIMIT or b"\n" in self._rest:
            self._break(self._rest)
        return answers

    def _break(self, line: bytes) -> None:
        self.broken = line[:LINE_LIMIT]
        self._rest, self._texts = b"", []

    def _read(self, line: bytes, answers: list[Answer]) -> bool:
        code = CODES.get(line[:3])
        if code is None or len(line) > LINE_LIMIT or b"\n" in line or b"\r" in line or b"\0" in line:
            return False
        separator = line[3:4]
        if not self._texts:
            if separator in {b" ", b""}:
                answer = Answer(code, line[4:])
                if len(self._known) < KNOWN_LIMIT:
                    self._known[line] = answer
                answers.append(answer)
                return True
            self._code = code
        elif code != self._code:
            return False
        return self._continue(separator, line, answers)

    def _continue(self, separator: bytes, line: bytes, answers: list[Answer]) -> bool:
        """One line of a reply of several."""
        self._texts.append(line[4:])
        if separator == b"-":
            return len(self._texts) < LINES_LIMIT
        if separator not in {b" ", b""}:
            return False
        answers.append(Answer(self._code, b"\n".join(self._texts)))
        self._texts = []
        return True
