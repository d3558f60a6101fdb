"""The fixtures themselves: a fresh database, and a page that may not misbehave."""

import pytest
import sqlalchemy as sa
from flask import Flask
from playwright.sync_api import expect

from tests.browser import Watcher, is_local


@pytest.mark.parametrize("attempt", [1, 2])
def test_each_test_gets_an_empty_postgresql_database(postgres_url, attempt):
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        assert sa.inspect(connection).get_table_names() == []
        connection.execute(sa.text("CREATE TABLE household (name text)"))
        connection.execute(sa.text("INSERT INTO household VALUES ('𠮷野家')"))
        assert connection.scalar(sa.text("SELECT name FROM household")) == "𠮷野家"
    engine.dispose()


def page_app(html: str) -> Flask:
    app = Flask(__name__)
    app.add_url_rule("/", view_func=lambda: html)
    return app


@pytest.mark.parametrize(("viewport", "width"), [("laptop", 1366), ("phone", 390)])
def test_browser_page_opens_at_the_size_of_its_viewport(browser_page, live_server, viewport, width):
    page = browser_page(viewport)
    page.goto(live_server(page_app("<html lang=zh><title>巡访</title><h1>今日</h1>")))
    expect(page.get_by_role("heading", name="今日")).to_be_visible()
    assert page.evaluate("innerWidth") == width


@pytest.mark.parametrize(
    ("html", "complaint"),
    [
        ("<script>console.error('broken')</script>", "console error: broken"),
        ("<script>nothing.here()</script>", "script raised"),
        ("<img src='http://cdn.example/logo.png'>", "asked for http://cdn.example/logo.png"),
    ],
)
def test_a_misbehaving_page_is_noticed(chromium, browser_page, live_server, html, complaint):
    watcher = Watcher(chromium)
    page = watcher.open()
    page.goto(live_server(page_app(html)), wait_until="load")
    watcher.close()
    assert any(complaint in line for line in watcher.complaints)


def test_an_expected_console_error_is_no_complaint(browser_page, live_server):
    page = browser_page(expected_errors=("404 (NOT FOUND)",))
    url = live_server(page_app("<img src='/missing.png'>"))
    page.goto(url, wait_until="load")


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:5000/", True),
        ("http://[::1]/", True),
        ("http://localhost/", True),
        ("data:image/png;base64,AA==", True),
        ("https://example.org/x.js", False),
        ("http://10.0.0.1/", False),
    ],
)
def test_only_loopback_counts_as_local(url, local):
    assert is_local(url) is local
