"""A form as a browser without scripts sends it: what the page holds, some of it changed."""

from __future__ import annotations

from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any, BinaryIO

from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from tests.field_app.laptops import Browser


class _Reader(HTMLParser):
    """Collects the successful controls of the form with one id."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.form_id = form_id
        self.action = ""
        self.values: list[tuple[str, str]] = []
        self.names: set[str] = set()
        self._inside = False
        self._area: tuple[str, list[str]] | None = None
        self._menu: dict[str, Any] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        at = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = at.get("id") == self.form_id
            self.action = at.get("action", "") if self._inside else self.action
        if not self._inside or (not at.get("name") and tag != "option"):
            return
        if tag in ("input", "textarea", "select"):
            self.names.add(at["name"])
        if tag == "input":
            kind = at.get("type", "text")
            if kind not in ("radio", "checkbox", "file") or "checked" in at:
                self.values.append((at["name"], at.get("value", "")))
        elif tag == "textarea":
            self._area = (at["name"], [])
        elif tag == "select":
            self._menu = {"name": at["name"], "many": "multiple" in at, "first": None, "any": False}
        elif tag == "option" and self._menu is not None:
            if self._menu["first"] is None:
                self._menu["first"] = at.get("value", "")
            if "selected" in at:
                self._menu["any"] = True
                self.values.append((self._menu["name"], at.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "textarea" and self._area:
            self.values.append((self._area[0], "".join(self._area[1]).removeprefix("\n")))
            self._area = None
        elif tag == "select" and self._menu:
            menu = self._menu
            if not menu["any"] and not menu["many"] and menu["first"] is not None:
                self.values.append((menu["name"], menu["first"]))
            self._menu = None

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self._area[1].append(data)


class Paper:
    """The form of a page a browser shows."""

    def __init__(self, browser: Browser, page: TestResponse, form_id: str = "sheet") -> None:
        assert page.status_code < 500, page.text
        self.browser = browser
        self.page = page
        reader = _Reader(form_id)
        reader.feed(page.text)
        assert reader.names, f"no form {form_id} at {page.request.path}"
        self.action = reader.action or page.request.path
        self.names = reader.names
        self.values: MultiDict[str, str] = MultiDict(reader.values)

    @classmethod
    def open(cls, browser: Browser, path: str, form_id: str = "sheet") -> Paper:
        """Open a page, through its redirects, and take its form."""
        return cls(browser, browser.get(path, follow_redirects=True), form_id)

    def fill(self, **values: str | list[str]) -> Paper:
        """Change controls by name (``__`` stands for a dot); a missing one is an error."""
        return self.put({name.replace("__", "."): value for name, value in values.items()})

    def put(self, values: dict[str, str | list[str]]) -> Paper:
        """Change controls by name; a control the page does not have is an error."""
        for name, value in values.items():
            assert name in self.names, f"the form has no {name}"
            self.values.setlist(name, [value] if isinstance(value, str) else value)
        return self

    def press(
        self, act: str = "save", files: Mapping[str, tuple[BinaryIO, str]] | None = None
    ) -> TestResponse:
        """Send the form by one of its buttons, ``files`` (content and name) by their controls;
        redirects are not followed."""
        assert set(files or ()) <= self.names
        sent: MultiDict[str, Any] = MultiDict(self.values)
        for name, file in (files or {}).items():
            sent.setlist(name, [file])
        sent.setlist("_act", [act])
        return self.browser.client.post(self.action, base_url=self.browser.base, data=sent)

    def press_on(self, act: str) -> Paper:
        """Send the form by one of its buttons and take the form of the page that follows."""
        answer = self.press(act)
        assert answer.status_code == 302, answer.text
        return Paper.open(self.browser, answer.location.partition("#")[0])

    def keep(self) -> TestResponse:
        """Send the form as the page does while somebody types."""
        path = "/drafts/" + self.draft_id
        return self.browser.client.post(path, base_url=self.browser.base, data=self.values)

    @property
    def draft_id(self) -> str:
        """The id of the form's draft, from its page."""
        found = self.page.text.partition('data-draft="/drafts/')[2]
        return found.partition('"')[0]

    def __getitem__(self, name: str) -> str:
        """The first value of a control."""
        return self.values[name]
