"""What a reader of a document types: the commands of its code blocks, in order, by whom."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
COMMAND = re.compile(
    r"(sudo|cd|make|git|python3|\.venv/bin/\w+|curl|pg_dump|pg_restore|sqlite3|mkdir|cp|exit|\(umask|[A-Z_]+=\$\(|nc|for|while)\b"
)
SETTING = re.compile(r"[A-Z][A-Z_]+=")
INDENTED = re.compile(r"(?:^(?: {4}| {7}).*\n)+", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Typed:
    """A command, with its continuation lines."""

    text: str

    @property
    def by_admin(self) -> bool:
        """The documents: lines with `sudo` are for a shell of your own, the others for one of `samovar`."""
        return self.text.startswith("sudo ")


def section(document: str, heading: str = "") -> str:
    """A document, or what stands under one of its headings, down to the next of the same rank."""
    text = (PROJECT / document).read_text()
    if not heading:
        return text
    found = re.search(rf"^(#+) {re.escape(heading)}$(.*?)(?=^#{{1,2}} |\Z)", text, re.DOTALL | re.MULTILINE)
    if found is None:
        raise LookupError(f"{document} has no heading {heading!r} any more")
    return found[2]


def blocks(text: str) -> list[list[str]]:
    """The indented code blocks, each as its lines; what is fenced is a file to be looked at."""
    found = INDENTED.findall(FENCED.sub("", text))
    return [[re.sub(r"^ {4}(?: {3})?", "", line) for line in block.splitlines()] for block in found]


def commands(text: str) -> list[Typed]:
    """What is to be typed. A block that begins with anything else is an answer, or lines for a file."""
    typed = []
    for block in blocks(text):
        if not COMMAND.match(block[0]):
            continue
        lines: list[str] = []
        for line in block:
            lines.append(line)
            if complete("\n".join(lines)):
                typed.append(Typed("\n".join(lines)))
                lines = []
        if lines:
            raise ValueError(f"a command without an end: {lines}")
    return typed


def complete(text: str) -> bool:
    """Whether a shell would wait for more."""
    opened = len(re.findall(r"\bdo$", text, re.MULTILINE)) - len(re.findall(r"^\s*done\b", text, re.MULTILINE))
    return opened == 0 and not text.rstrip().endswith(("\\", "|"))


def settings(text: str) -> dict[str, str]:
    """The lines of `.env` that a document shows, without the words that explain them."""
    lines = [line for block in blocks(text) if SETTING.match(block[0]) for line in block if "$(" not in line]
    return {name: value.partition(" #")[0].strip() for name, _, value in (line.partition("=") for line in lines)}
