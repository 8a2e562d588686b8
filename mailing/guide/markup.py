"""The few signs our own texts are written with, as HTML: everything that is no sign of ours is escaped.

# Title                 the first line
## Heading
a paragraph             with **weight**, `keys` and [links](address)
- item                  1. item
![what it shows](picture)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

_INLINE = re.compile(r"\*\*(?P<weight>[^*]+)\*\*|`(?P<key>[^`]+)`|\[(?P<text>[^\]]+)\]\((?P<target>[^)\s]+)\)")
_PICTURE = re.compile(r"!\[(?P<alt>[^\]]*)\]\((?P<name>[\w-]+)\)")
_ITEM = re.compile(r"(?:(?P<dash>- )|\d+\. )(?P<text>.*)", re.DOTALL)

Address = Callable[[str], str]  # of a link's target
Picture = Callable[[str, str], SafeString]  # of its name and what it shows


@dataclass(frozen=True)
class Document:
    title: str
    body: SafeString
    headings: list[tuple[str, str]]  # anchor and words


def render(source: str, *, address: Address, picture: Picture) -> Document:
    """`address` says where a link leads, `picture` how a picture is shown (or nothing, where there is none)."""
    first, _, rest = source.strip().partition("\n")
    headings: list[tuple[str, str]] = []
    blocks = [_block(block, headings, address, picture) for block in re.split(r"\n\s*\n", rest.strip())]
    return Document(first.removeprefix("# ").strip(), format_html_join("\n", "{}", ((b,) for b in blocks)), headings)


def anchor(heading: str) -> str:
    """As GitHub makes them, so that the texts may be read there as well."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def _block(block: str, headings: list[tuple[str, str]], address: Address, picture: Picture) -> SafeString:
    if block.startswith("## "):
        words = block.removeprefix("## ").strip()
        headings.append((anchor(words), words))
        return format_html('<h2 id="{}">{}</h2>', anchor(words), words)
    if shown := _PICTURE.fullmatch(block.strip()):
        return picture(shown["name"], shown["alt"])
    items = re.split(r"\n(?=- |\d+\. )", block)
    matches = [_ITEM.fullmatch(item) for item in items]
    found = [match for match in matches if match]
    if len(found) == len(items):
        tag = "ul" if found[0]["dash"] else "ol"
        rows = format_html_join("", "<li>{}</li>", ((_inline(match["text"], address),) for match in found))
        return format_html("<{}>{}</{}>", tag, rows, tag)
    return format_html("<p>{}</p>", _inline(block, address))


def _inline(text: str, address: Address) -> SafeString:
    return format_html_join("", "{}", ((piece,) for piece in _pieces(" ".join(text.split()), address)))


def _pieces(text: str, address: Address) -> Iterator[SafeString | str]:
    at = 0
    for match in _INLINE.finditer(text):
        yield text[at : match.start()]
        at = match.end()
        if match["weight"]:
            yield format_html("<b>{}</b>", match["weight"])
        elif match["key"]:
            yield format_html("<kbd>{}</kbd>", match["key"])
        else:
            yield format_html('<a href="{}">{}</a>', address(match["target"]), match["text"])
    yield text[at:]
