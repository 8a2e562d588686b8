"""The HTML of a letter, read and made ready: what is in it, its styles on the elements, its text version.

It is anybody's HTML, and three parsers in C and Rust read it: call `work` through `confined` alone. Nothing of Django
is imported, so that a child is ready within a tenth of a second; the sentences are the caller's.
"""

from __future__ import annotations

import html as entities
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import css_inline
from lxml.etree import HTMLParser
from selectolax.lexbor import LexborHTMLParser, LexborNode

DEEPEST = 200  # elements within each other; libxml2 gives up at 255, css-inline ended its process at some thousands
LARGEST = 2 * 1024 * 1024  # bytes of what is made of it: every attempt keeps that
BEGINNING = 8 * 1024  # characters read first to see how deep it is; then twice as many, and so on

_FORBIDDEN = {"script": "script", "form": "form"} | dict.fromkeys(
    ("iframe", "frame", "frameset", "object", "embed", "applet"), "frame"
)
_BETWEEN_ROWS = {"table", "thead", "tbody", "tfoot", "tr", "colgroup"}
_UNSEEN = ("style", "script", "title", "head")
_HTTP_IN_CSS = re.compile(r"url\(\s*(?:[\"']\s*)?http:", re.IGNORECASE)
# A browser skips blanks and controls inside the scheme of a link: "java\nscript:".
_BLANKS = re.compile(r"[\x00-\x20\x7f-\xa0\u200b\u2028\u2029]+")
_LINK = re.compile(r"\[([^\[\]]*)\]\(([^\s()]+)\)")


def work(html: str, mark: str, wants_text: bool) -> dict[str, Any]:
    """All that is wanted of a letter at once: `codes` of what is in it, `html` with styles inlined, `text`.

    Both texts are empty where a code forbids them ("too_deep", "too_large"). `mark` begins the words that stand in
    place of the fields. `text` is made only if it is wanted.
    """
    html = html.replace("\0", "").encode("utf-8", "replace").decode()
    if is_too_deep(html):
        return {"codes": ["too_deep"], "html": "", "text": ""}
    codes = sorted(read(html, mark))
    inlined, text = inline(html), to_text(html) if wants_text else ""
    if max(len(inlined.encode()), len(text.encode())) > LARGEST:
        return {"codes": [*codes, "too_large"], "html": "", "text": ""}
    return {"codes": codes, "html": inlined, "text": text}


# --- How deep ---------------------------------------------------------------------------------------


def is_too_deep(html: str) -> bool:
    """Whether more than 200 elements stand within each other, in the tree that a browser would build.

    Read by growing beginnings: to build a deep tree may cost the square of its depth, and 200 are soon found.
    """
    size = BEGINNING
    while True:
        if _depth(html[:size]) > DEEPEST:
            return True
        if size >= len(html):
            return False
        size *= 2


def _depth(html: str) -> int:
    """Of the deepest element, counted from the body (or what stands in its place)."""
    root = LexborHTMLParser(html).root
    return max((depth for depth, _node in _walk(root)), default=1) - 1 if root is not None else 0


def _walk(top: LexborNode) -> Iterator[tuple[int, LexborNode]]:
    """The elements below, each with its depth; a loop, because a recursion would end as its matter does."""
    node, depth = top.first_child, 1
    while node is not None:
        if node.is_element_node:
            yield depth, node
        if node.first_child is not None:
            node, depth = node.first_child, depth + 1
            continue
        while node is not None and node.next is None:
            node, depth = node.parent, depth - 1
            if depth == 0:
                return
        node = node.next if node is not None else None


# --- Making it ready --------------------------------------------------------------------------------


def inline(html: str) -> str:
    """The document with its styles on the elements, because mail programs drop style sheets; nothing is fetched.

    What cannot stand on an element (@media, :hover) stays in the sheet.
    """
    inliner = css_inline.CSSInliner(
        load_remote_stylesheets=False, keep_style_tags=True, remove_inlined_selectors=True
    )
    return inliner.inline(html)


def to_text(html: str) -> str:
    """The document as plain text, with the addresses of its links."""
    from inscriptis import get_text
    from inscriptis.css_profiles import STRICT_CSS_PROFILE  # its other one indents every <div> by two blanks
    from inscriptis.model.config import ParserConfig

    text = get_text(html, ParserConfig(css=STRICT_CSS_PROFILE, display_links=True)) if html.strip() else ""
    return _LINK.sub(_link, text).strip() + "\n"


def _link(found: re.Match[str]) -> str:
    text, address = found[1].strip(), found[2].removeprefix("mailto:")
    return address if text in {"", address} else f"{text}: {address}"


# --- What is in it ----------------------------------------------------------------------------------


def read(html: str, mark: str) -> set[str]:
    """Codes of what no letter may hold and of what is worth a thought; "empty_body" where nothing would be seen.

    libxml2 is linear where html.parser is not: a letter of 20 000 times "<a " took it 46 seconds.
    """
    reader = _Reader(mark)
    parser = HTMLParser(target=reader)
    parser.feed(html)
    parser.close()
    codes = reader.codes
    if not reader.has_content:
        codes.add("empty_body")
    if reader.links and not reader.has_text_link:
        codes.add("no_text_link")
    return codes


@dataclass
class _Reader:
    """Walks through a letter; comments (and with them Outlook's conditional ones) say nothing."""

    mark: str
    codes: set[str] = field(default_factory=set)
    links: int = 0
    has_text_link: bool = False
    has_content: bool = False
    _open: list[str] = field(default_factory=list)
    _number: Counter[str] = field(default_factory=Counter)  # of the open ones: a list is long to look through

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag in _FORBIDDEN:
            self.codes.add(_FORBIDDEN[tag])
        for name, value in attributes.items():
            self._attribute(name, entities.unescape(value))
        self.has_content |= tag == "img"
        self.links += tag == "a" and bool(attributes.get("href"))
        self._open.append(tag)
        self._number[tag] += 1

    def end(self, tag: str) -> None:
        while self._number[tag]:
            closed = self._open.pop()
            self._number[closed] -= 1
            if closed == tag:
                break

    def data(self, text: str) -> None:
        if not text.strip() or any(self._number[tag] for tag in _UNSEEN):
            self._css(text)
            return
        self.has_content = True
        self.has_text_link |= self._number["a"] > 0
        if self._open and self._open[-1] in _BETWEEN_ROWS and self.mark in text:
            self.codes.add("field_in_table")

    def close(self) -> None:
        """The parser asks for a result here; ours is the reader itself."""

    def _attribute(self, name: str, value: str) -> None:
        plain = _BLANKS.sub("", value).lower()
        if name.startswith("on"):
            self.codes.add("handler")
        if plain.startswith(("javascript:", "vbscript:")):
            self.codes.add("javascript")
        if name in {"src", "background", "poster"} and plain.startswith("http:"):
            self.codes.add("http_image")
        if name == "style":
            self._css(value)

    def _css(self, text: str) -> None:
        if _HTTP_IN_CSS.search(text):
            self.codes.add("http_image")
