"""Putting what somebody typed back into the form of a page: HTML in, HTML out.

A form that could not be taken (its session was over) is drawn anew by its own page, which knows
nothing of what was typed; here the fields are filled in again, by their names and in their order.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from html.parser import HTMLParser

Fields = Iterable[tuple[str, str]]
NEVER = frozenset({"password", "file"})
PRESSED = frozenset({"submit", "button", "image", "reset"})


class Refilled(HTMLParser):
    """A page with one form filled in; ``found`` tells whether the page had that form.

    ``page`` is the page's own address (where a form without an action goes), ``to`` where the form
    was sent, by its action or by one of its buttons. After ``fill``, ``left`` holds what was typed
    and found no place.
    """

    def __init__(self, page: str, to: str, fields: Fields) -> None:
        super().__init__(convert_charrefs=False)
        self.found = self.takes_files = False
        self._page, self._to = page, to
        self._values: dict[str, list[str]] = {}
        for name, value in fields:
            self._values.setdefault(name, []).append(value)
        self._pressed: set[str] = set()
        self._out: list[str] = []
        self._folds: list[int] = []
        self._inside = self._swallow = False
        self._typed = ""
        self._chosen: list[str] | None = None

    def fill(self, html: str) -> str:
        """Return the page with its form filled in."""
        buttons = _Buttons(self._page, self._to)
        buttons.feed(html)
        self._to = buttons.action or self._to
        self.feed(html)
        self.close()
        return "".join(self._out)

    @property
    def left(self) -> list[str]:
        """The texts that found no field, other than those of buttons."""
        return [
            value
            for name, values in self._values.items()
            for value in values
            if value.strip() and name not in self._pressed
        ]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Write a start tag, changed where it belongs to the form."""
        said = dict(attrs)
        if tag == "details":
            self._folds.append(len(self._out))
        if tag == "form" and not self.found and said.get("method") == "post":
            action = said.setdefault("action", self._page)
            self.found = self._inside = action == self._to
            if self._inside:
                for place in self._folds:  # whoever filled it in had opened it
                    self._out[place] = self._out[place].replace("<details", "<details open", 1)
        elif self._inside and tag in ("input", "textarea", "select", "option", "button"):
            getattr(self, f"_{tag}")(said)
        else:
            self._out.append(self.get_starttag_text() or "")
            return
        self._out.append(_tag(tag, said) + self._typed)
        self._typed = ""

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Write an element that ends itself, as in a drawing."""
        self._write(self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        """Write an end tag."""
        if tag == "textarea":
            self._swallow = False
        self._write(f"</{tag}>")
        if tag == "form":
            self._inside = False
        elif tag == "details" and self._folds:
            self._folds.pop()
        elif tag == "select":
            self._chosen = None

    def handle_data(self, data: str) -> None:
        """Write text as it stands."""
        self._write(data)

    def handle_entityref(self, name: str) -> None:
        """Write a named character as it stands."""
        self._write(f"&{name};")

    def handle_charref(self, name: str) -> None:
        """Write a numbered character as it stands."""
        self._write(f"&#{name};")

    def handle_comment(self, data: str) -> None:
        """Leave comments out."""

    def handle_decl(self, decl: str) -> None:
        """Write the document's type."""
        self._write(f"<!{decl}>")

    def _write(self, text: str) -> None:
        if not self._swallow:
            self._out.append(text)

    def _next(self, name: str | None) -> str | None:
        """Take the next text typed into a field of this name, None when there is none."""
        values = self._values.get(name or "")
        return values.pop(0) if values else None

    def _input(self, said: dict[str, str | None]) -> None:
        sort, name = said.get("type") or "text", said.get("name")
        if sort in PRESSED:
            self._pressed.add(name or "")
        elif sort == "file":
            self.takes_files = True
        elif sort in ("checkbox", "radio"):
            values, value = self._values.get(name or "", []), said.get("value") or "on"
            said.pop("checked", None)
            if value in values:
                values.remove(value)
                said["checked"] = None
        elif sort not in NEVER and (typed := self._next(name)) is not None:
            said["value"] = typed

    def _textarea(self, said: dict[str, str | None]) -> None:
        typed = self._next(said.get("name"))
        if typed is not None:
            self._swallow = True
            self._typed = "\n" + escape(typed)  # browsers drop the first line's end

    def _select(self, said: dict[str, str | None]) -> None:
        self._chosen = self._values.get(said.get("name") or "")

    def _option(self, said: dict[str, str | None]) -> None:
        value = said.get("value")
        if self._chosen is None or value is None:  # its value would be its text, which comes later
            return
        said.pop("selected", None)
        if value in self._chosen:
            self._chosen.remove(value)
            said["selected"] = None

    def _button(self, said: dict[str, str | None]) -> None:
        self._pressed.add(said.get("name") or "")


class _Buttons(HTMLParser):
    """Finds the form one of whose buttons sends it ``to`` another address than its own."""

    def __init__(self, page: str, to: str) -> None:
        super().__init__()
        self.action = ""
        self._page, self._to = page, to
        self._within = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at a form or a button."""
        said = dict(attrs)
        if tag == "form":
            self._within = said.get("action") or self._page
        elif tag == "button" and said.get("formaction") == self._to and not self.action:
            self.action = self._within


def _tag(tag: str, said: dict[str, str | None]) -> str:
    parts = [name if value is None else f'{name}="{escape(value)}"' for name, value in said.items()]
    return f"<{' '.join([tag, *parts])}>"
