"""Filling in web pages without a browser: open a page, read its forms, submit one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import requests

TIMEOUT_S = 60
Files = Sequence[tuple[str, tuple[str, bytes]]]
"""Files to upload: ``(control's name, (file name, content))``."""


class PageError(Exception):
    """A page did not answer as a user would expect; the text says which and how."""


@dataclass
class Form:
    """One form of a page: where it goes and the values it would post as it stands."""

    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    """Every control's name, also of unticked boxes and empty choices."""


@dataclass
class Page:
    """A page as it came: its address, status, text, forms, and links as (text, address)."""

    url: str
    status: int
    html: str
    forms: list[Form]
    links: list[tuple[str, str]]

    @property
    def path(self) -> str:
        """The path of the address."""
        return urlsplit(self.url).path

    def form(self, *names: str) -> Form:
        """Return the first form that has every control named; raise PageError."""
        for form in self.forms:
            if set(names) <= form.names:
                return form
        raise PageError(f"{self.url} ({self.status}) has no form with {', '.join(names)}")

    def link(self, part: str) -> str:
        """Return the address of the first link with ``part`` in its address; raise PageError."""
        for _, href in self.links:
            if part in href:
                return href
        raise PageError(f"{self.url} has no link with {part}")


class _Reader(HTMLParser):
    """Collects forms and links; values are what a browser would post untouched."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[tuple[str, str]] = []
        self._form: Form | None = None
        self._by_id: dict[str, Form] = {}
        self._late: list[tuple[str, str, str]] = []
        self._select: tuple[str, bool] | None = None
        self._choice: str | None = None
        self._chosen: list[str] = []
        self._area: tuple[Form | None, str, list[str]] | None = None
        self._link: tuple[str, list[str]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note forms, controls and links."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self._form)
            if "id" in given:
                self._by_id[given["id"]] = self._form
        elif tag == "a" and "href" in given:
            self._link = (given["href"], [])
        elif tag == "option" and self._select:
            value = given.get("value", "")
            self._choice = value if self._choice is None else self._choice
            if "selected" in given:
                self._chosen.append(value)
        elif tag in ("input", "select", "textarea", "button") and given.get("name"):
            self._control(tag, given)

    def _control(self, tag: str, given: dict[str, str]) -> None:
        form = self._by_id.get(given["form"]) if "form" in given else self._form
        if form is None or "disabled" in given:
            return
        name, kind = given["name"], given.get("type", "text")
        form.names.add(name)
        if tag == "button" or kind == "submit":
            form.buttons.append((name, given.get("value", "")))
        elif tag == "select":
            self._select, self._choice, self._chosen = (name, "multiple" in given), None, []
        elif tag == "textarea":
            self._area = (form, name, [])
        elif kind in ("checkbox", "radio"):
            if "checked" in given:
                form.fields.append((name, given.get("value", "on")))
        elif kind not in ("file", "button", "reset"):
            form.fields.append((name, given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        """Close what the tag closes."""
        if tag == "form":
            self._form = None
        elif tag == "select" and self._select and self._form:
            name, several = self._select
            if not self._chosen and not several and self._choice is not None:
                self._chosen = [self._choice]
            self._form.fields += [(name, value) for value in self._chosen]
            self._select = None
        elif tag == "textarea" and self._area:
            form, name, parts = self._area
            if form:
                form.fields.append((name, "".join(parts).removeprefix("\n")))
            self._area = None
        elif tag == "a" and self._link:
            self.links.append(("".join(self._link[1]).strip(), self._link[0]))
            self._link = None

    def handle_data(self, data: str) -> None:
        """Collect the text of areas and links."""
        if self._area:
            self._area[2].append(data)
        if self._link:
            self._link[1].append(data)


def read_page(url: str, status: int, html: str) -> Page:
    """Return a page that came as ``html``, its forms and links in the order they stand."""
    reader = _Reader()
    reader.feed(html)
    return Page(url, status, html, reader.forms, reader.links)


class Visitor:
    """Somebody with a browser at one program's address."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._session = requests.Session()
        self._session.trust_env = False

    def open(self, path: str) -> Page:
        """Open a page, following redirects; raise PageError for 4xx and 5xx."""
        answer = self._session.get(urljoin(self.base, path), timeout=TIMEOUT_S)
        return self._page(answer)

    def submit(
        self,
        page: Page,
        form: Form,
        values: dict[str, str | list[str]],
        button: str | None = None,
        files: Files = (),
    ) -> Page:
        """Submit ``form`` with ``values`` in place of what stood there; raise PageError.

        ``button`` is ``name=value`` of the button pressed; ``files`` are chosen from the disk.
        """
        fields = [(name, value) for name, value in form.fields if name not in values]
        for name, value in values.items():
            fields += [(name, one) for one in ([value] if isinstance(value, str) else value)]
        if button:
            name, _, value = button.partition("=")
            fields.append((name, value))
        url = urljoin(page.url, form.action or page.url)
        headers = {"Origin": self.base.rstrip("/"), "Referer": page.url}
        if form.method == "post":
            answer = self._session.post(
                url, data=fields, files=list(files), headers=headers, timeout=TIMEOUT_S
            )
        else:
            answer = self._session.get(url, params=fields, timeout=TIMEOUT_S)
        return self._page(answer)

    @staticmethod
    def _page(answer: requests.Response) -> Page:
        if answer.status_code >= 400:
            raise PageError(f"{answer.request.method} {answer.url} answered {answer.status_code}")
        return read_page(answer.url, answer.status_code, answer.text)
