"""A person without a mouse: everything is reached by Tab and done by keys."""

from __future__ import annotations

from playwright.sync_api import Locator, Page

FAR = 250
HERE = "e => e === document.activeElement"


class Keyboard:
    """The keyboard in front of one page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def go(self, target: Locator) -> None:
        """Press Tab until ``target`` has the focus."""
        for _ in range(FAR):
            if target.evaluate(HERE):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not reach {target}")

    def press(self, target: Locator, key: str = "Enter") -> None:
        """Press a key on a link or a button."""
        self.go(target)
        self.page.keyboard.press(key)

    def write(self, target: Locator, text: str) -> None:
        """Put a text into a line in place of what stands there."""
        self.go(target)
        self.page.keyboard.press("Control+A")
        if text.isascii():
            self.page.keyboard.type(text)
        else:
            self.page.keyboard.insert_text(text)

    def choose(self, name: str, value: str) -> None:
        """Choose a radio button or a menu's entry by the arrow keys."""
        controls = self.page.locator(f'[name="{name}"]:is(input[type=radio], select)')
        focused = f"() => document.activeElement.name === {name!r}"
        for _ in range(FAR):
            if self.page.evaluate(focused):
                break
            self.page.keyboard.press("Tab")
        else:
            raise AssertionError(f"Tab does not reach {name}")
        if controls.first.evaluate("e => e.tagName") == "SELECT":
            self.page.keyboard.press("Home")
        else:
            self.page.keyboard.press("Space")
        chosen = f"() => document.activeElement.value === {value!r}"
        for _ in range(FAR):
            if self.page.evaluate(chosen):
                return
            self.page.keyboard.press("ArrowDown")
        raise AssertionError(f"the arrows do not reach {value} of {name}")
