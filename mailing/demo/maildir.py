"""What the demo mail server has taken: letters, newest first, for the page "Mail (demo)".

Anybody may have written them, so nothing of a letter is trusted: headers and parts are read by the older, forgiving
half of Python's `email`, and whatever breaks in it leaves an empty field and the source to look at.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from functools import cached_property
from pathlib import Path

from mailing.demo.letter_index import Found, Keywords, LetterIndex

MAILDIR = "letters"
_FOLDERS = ("new", "cur")
BEGINNING = 256 * 1024  # bytes of a letter that are read to find it again
READ = 2 * 1024 * 1024  # of one that is looked at: Python takes a second for so many lines
LONGEST_HEADER = 20_000  # characters of one that are decoded
MOST_PARTS = 200


@dataclass(frozen=True)
class StoredLetter:
    """One letter as it arrived; `key` is its file name."""

    key: str
    path: Path
    raw: bytes

    @cached_property
    def message(self) -> Message:
        try:
            return message_from_bytes(self.raw)
        except Exception:  # strangers' MIME, nested deeper than the parser goes: no parts, the source stays
            return Message()

    @property
    def to(self) -> str:
        return self.header("Delivered-To")

    @property
    def subject(self) -> str:
        return self.header("Subject")

    @property
    def sender(self) -> str:
        return self.header("From")

    @property
    def message_id(self) -> str:
        return self.header("Message-ID").strip()

    @property
    def recipient(self) -> str:
        return self.header("To")

    @property
    def is_whole(self) -> bool:
        return self.path.stat().st_size <= len(self.raw)

    @property
    def arrived(self) -> datetime:
        return datetime.fromtimestamp(self.path.stat().st_mtime, UTC)

    @cached_property
    def html(self) -> str:
        return self._part("text/html")

    @cached_property
    def text(self) -> str:
        return self._part("text/plain")

    @property
    def source(self) -> str:
        return self.raw.decode(errors="replace")

    @property
    def headers(self) -> list[tuple[str, str]]:
        return [(name, _decoded(value)) for name, value in self.message.raw_items()]

    def header(self, name: str) -> str:
        wanted = name.lower()
        return next((_decoded(value) for key, value in self.message.raw_items() if key.lower() == wanted), "")

    def _part(self, kind: str) -> str:
        try:
            return next((_content(part) for part in _parts(self.message) if part.get_content_type() == kind), "")
        except Exception:  # a header or an encoding that Python chokes on: the source stays
            return ""


def _parts(message: Message) -> Iterator[Message]:
    """The parts to be read, without attachments. `walk` would call itself as deep as the letter is nested."""
    waiting, seen = [message], 0
    while waiting and seen < MOST_PARTS:
        part, seen = waiting.pop(), seen + 1
        inside = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(inside, list):
            waiting += [child for child in reversed(inside) if isinstance(child, Message)]
        elif part.get_content_disposition() != "attachment":
            yield part


def _content(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    try:
        return payload.decode(part.get_content_charset() or "utf-8", errors="replace")
    except LookupError:  # a charset nobody knows
        return payload.decode(errors="replace")


def _decoded(raw: object) -> str:
    """RFC 2047 by the older decoder: Python 3.11's newer one puts a space between two encoded words."""
    as_text = str(raw)[:LONGEST_HEADER].encode(errors="surrogateescape").decode(errors="replace")
    unfolded = re.sub(r"\r?\n", "", as_text)  # bytes beyond ASCII, unencoded, were replaced above
    try:
        return str(make_header(decode_header(unfolded)))
    except Exception:  # no encoded word at all, or one of a charset nobody knows
        return unfolded


class StoredLetters:
    """The letters below a directory; empty while nothing was ever received."""

    def __init__(self, directory: Path) -> None:
        self.folders = [directory / MAILDIR / name for name in _FOLDERS]
        self.index = LetterIndex(directory / "letters.index", self.folders, self._keywords)

    def __len__(self) -> int:
        return sum(1 for _ in self._files())

    def page(self, number: int, size: int, words: str = "") -> Found:
        """The `number`th page (from 1) of the letters that have all these words, newest first."""
        return self.index.page(number, size, words)

    def get(self, key: str) -> StoredLetter | None:
        """The letter of that key, of a very long one the beginning.

        The key comes from an address line: only the plain name of a file is one.
        """
        if not key.strip(".") or os.sep in key or "\0" in key:
            return None
        return next(filter(None, (self._read(folder / key, READ) for folder in self.folders)), None)

    def clear(self) -> int:
        """Deletes every letter; returns how many there were."""
        removed = 0
        for entry in list(self._files()):
            Path(entry.path).unlink(missing_ok=True)
            removed += 1
        self.index.forget()
        return removed

    def drop(self, is_told_in: Callable[[str], bool]) -> None:
        """Deletes the letters that tell of somebody, in their headers, their text or as they came."""
        for entry in list(self._files()):
            letter = self._read(Path(entry.path))
            if letter and any(
                map(is_told_in, (letter.to, letter.recipient, letter.text, letter.html, letter.source))
            ):
                letter.path.unlink(missing_ok=True)
        self.index.forget()

    def _files(self) -> Iterator[os.DirEntry[str]]:
        for folder in self.folders:
            if folder.is_dir():
                with os.scandir(folder) as entries:
                    yield from entries

    def _keywords(self, path: Path) -> Keywords | None:
        letter = self._read(path, BEGINNING)
        if letter is None:
            return None
        return Keywords(letter.to, letter.sender, letter.recipient, letter.subject, letter.text or letter.html)

    def _read(self, path: Path, most: int = -1) -> StoredLetter | None:
        try:
            with path.open("rb") as file:
                return StoredLetter(path.name, path, file.read(most))
        except OSError:  # cleared meanwhile, or no such name
            return None
