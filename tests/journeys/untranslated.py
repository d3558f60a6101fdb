"""Finding Chinese on an English page that is not data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Page

from tests.journeys.world import Books

CHINESE = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]+")
MASKED_NAME = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]\*+")
TEXTS = """() => {
  const found = [document.title];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    const home = node.parentElement;
    if (!home.closest('script, style, button[lang]')) found.push(node.textContent);
  }
  for (const one of document.querySelectorAll('*')) {
    for (const name of ['aria-label', 'title', 'placeholder', 'alt', 'value', 'content',
                        'data-words', 'data-done', 'data-failed', 'data-locked', 'data-typing']) {
      if (one.hasAttribute(name) && !one.matches('button[lang]')) {
        found.push(one.getAttribute(name));
      }
    }
  }
  return found;
}"""


def data_of(books: Books) -> set[str]:
    """Return every run of Chinese in what people entered."""
    rows = books.rows("SELECT fields FROM records")
    found = {run for row in rows for run in _runs(json.loads(row["fields"]))}
    found.add("中文")  # a language is named in itself
    for query in (
        "SELECT name FROM users",
        "SELECT name FROM devices",
        "SELECT name FROM districts",
    ):
        found |= {run for row in books.rows(query) for run in CHINESE.findall(row["name"])}
    return found


def _runs(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from CHINESE.findall(value)
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _runs(one)


def untranslated(page: Page, address: str, data: set[str]) -> list[str]:
    """Open a page and return the texts on it that hold Chinese which is no data."""
    page.goto(address)
    texts = [MASKED_NAME.sub("", text) for text in page.evaluate(TEXTS)]
    return [text.strip() for text in texts if any(run not in data for run in CHINESE.findall(text))]
