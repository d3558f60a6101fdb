"""A visitor who uses a real browser: types, ticks, chooses and presses what is in sight."""

from __future__ import annotations

from urllib.parse import urljoin

from playwright.sync_api import ElementHandle, Locator, Response
from playwright.sync_api import Page as Tab

from demo.pages import Files, Form, Page, PageError, Visitor, read_page

PATIENCE_MS = 120_000
"""A busy machine is slow, not wrong."""
CONTROLS = """(form, name) => [...form.elements].filter(one => one.name === name)"""
BUTTON = """(form, asked) => [...form.elements].find(one => one.type === 'submit'
  && (asked === null || (one.name === asked[0] && one.value === asked[1])))"""
UNFOLD = """(control) => {
  for (let one = control.closest('details'); one; one = one.parentElement.closest('details')) {
    one.open = true;
  }
}"""
"""Open every fold that hides a control, as a click on its summary does."""


class Browsing(Visitor):
    """Somebody at one program's address in one tab of a browser."""

    def __init__(self, base: str, tab: Tab) -> None:
        super().__init__(base)
        self.tab = tab
        tab.set_default_timeout(PATIENCE_MS)

    def open(self, path: str) -> Page:
        """Open a page; raise PageError for 4xx and 5xx."""
        answer = self.tab.goto(urljoin(self.base, path))
        return self._read("GET", answer)

    def press(self, page: Page, form: Form, button: str) -> Page:
        """Press a button that a script answers on the page itself; return the page then."""
        self._button(page, self._sheet(page, form), button).click()
        return read_page(self.tab.url, page.status, self.tab.content())

    def submit(
        self,
        page: Page,
        form: Form,
        values: dict[str, str | list[str]],
        button: str | None = None,
        files: Files = (),
    ) -> Page:
        """Fill in ``values`` and press the button; raise PageError when there is no such control.

        The tab must still show ``page``: a person fills in what they see.
        """
        sheet = self._sheet(page, form)
        for name, value in values.items():
            self._fill(sheet, name, value)
        for name, (file_name, content) in files:
            (chooser,) = self._controls(sheet, name)
            chooser.set_input_files(
                {"name": file_name, "mimeType": "image/jpeg", "buffer": content}
            )
        pressed = self._button(page, sheet, button)
        with self.tab.expect_navigation() as navigation:
            pressed.click()
        return self._read("POST", navigation.value)

    def _sheet(self, page: Page, form: Form) -> Locator:
        assert self.tab.url == page.url, f"{self.tab.url} is open, not {page.url}"
        place = next(number for number, one in enumerate(page.forms) if one is form)
        return self.tab.locator("form").nth(place)

    @staticmethod
    def _button(page: Page, sheet: Locator, button: str | None) -> ElementHandle:
        asked = button.split("=", 1) if button else None
        found = sheet.evaluate_handle(BUTTON, asked).as_element()
        if found is None:
            raise PageError(f"{page.url} has no button {button or 'to submit'}")
        found.evaluate(UNFOLD)
        return found

    def _read(self, method: str, answer: Response | None) -> Page:
        assert answer, f"{method} led to no page"
        if answer.status >= 400:
            wrong = self.tab.locator(".problem, [role=alert]").all_inner_texts()
            said = " ".join(wrong) or self.tab.locator("body").inner_text()
            raise PageError(f"{method} {answer.url} answered {answer.status}: {said}")
        return read_page(self.tab.url, answer.status, self.tab.content())

    def _controls(self, sheet: Locator, name: str) -> list[ElementHandle]:
        found = sheet.evaluate_handle(CONTROLS, name).get_properties().values()
        controls = [one for one in (handle.as_element() for handle in found) if one]
        if not controls:
            raise PageError(f"{self.tab.url} has no control {name}")
        for control in controls:
            control.evaluate(UNFOLD)
        return controls

    def _fill(self, sheet: Locator, name: str, value: str | list[str]) -> None:
        controls = self._controls(sheet, name)
        first = controls[0]
        wanted = [value] if isinstance(value, str) else value
        tag, kind = first.evaluate("one => [one.tagName, one.type]")
        if kind in ("radio", "checkbox"):
            choices = {str(one.get_attribute("value") or "on"): one for one in controls}
            if set(wanted) - set(choices) - {""}:
                raise PageError(f"{self.tab.url} offers no {name} {value}")
            for choice, control in choices.items():
                if kind == "checkbox":
                    control.set_checked(choice in wanted)
                elif choice in wanted:
                    control.check()
        elif tag == "SELECT":
            first.select_option(wanted)
        else:
            first.fill(wanted[0])
