"""What a browser would send when somebody presses "Save": the fields of the form as the page shows them."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any


def filled(page: str, form_id: str, **changes: Any) -> dict[str, Any]:
    """The fields of the form with that id, with the changes; a field changed to None is left out."""
    reader = _Form(form_id)
    reader.feed(page)
    return {name: value for name, value in (reader.fields | changes).items() if value is not None}


class _Form(HTMLParser):
    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.form_id, self.inside = form_id, False
        self.fields: dict[str, Any] = {}
        self.select = self.area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.inside = given.get("id") == self.form_id
        name = given.get("name")
        if not self.inside or (tag != "option" and not name):
            return
        match tag:
            case "input":
                self._input(str(name), given)
            case "select":
                self.select = str(name)
            case "textarea":
                self.area = str(name)
                self.fields[self.area] = ""
            case "option" if self.select and "selected" in given:
                self.fields[self.select] = given.get("value") or ""

    def _input(self, name: str, given: dict[str, str | None]) -> None:
        kind = given.get("type", "text")
        if kind in {"submit", "button", "file"} or (kind in {"checkbox", "radio"} and "checked" not in given):
            return
        self.fields[name] = given.get("value") or ("on" if kind == "checkbox" else "")

    def handle_data(self, data: str) -> None:
        if self.area:
            self.fields[self.area] += data

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "form"
        self.select = "" if tag == "select" else self.select
        if tag == "textarea" and self.area:
            self.fields[self.area] = self.fields[self.area].removeprefix("\n")
            self.area = ""
