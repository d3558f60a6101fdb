"""Only this computer's own pages may ask: every other Host, site and form is refused."""

from __future__ import annotations

import pytest

from field_app.settings import NotLoopback, Settings

CHOICES = {"lang": "en", "idle_minutes": "5", "sync_minutes": "5"}
FOREIGN = [
    "evil.example:5050", "evil.example", "127.0.0.1", "127.0.0.1:80", "127.0.0.1:5051",
    "localhost", "localhost.:5050", "127.0.0.2:5050", "0.0.0.0:5050", "127.1:5050", "[::1]", "",
    "127.0.0.1:5050.evil.example", "evil.example@127.0.0.1:5050", "2130706433:5050",
]  # fmt: skip


@pytest.mark.parametrize(
    "host", ["127.0.0.1:5050", "localhost:5050", "LocalHost:5050", "[::1]:5050"]
)
def test_its_own_names_with_the_port_are_answered(laptop, host):
    answer = laptop.browser.client.get("/healthz", headers={"Host": host})
    assert answer.status_code == 200


@pytest.mark.parametrize("host", FOREIGN)
def test_every_other_host_is_refused_for_every_method(laptop, host):
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"):
        answer = laptop.browser.client.open("/healthz", method=method, headers={"Host": host})
        assert answer.status_code == 400, method


def test_a_foreign_host_sees_no_page_and_no_static_file(laptop):
    for path in ("/", "/static/app.css", "/outbox", "/nothing"):
        answer = laptop.browser.client.get(path, headers={"Host": "evil.example:5050"})
        assert answer.status_code == 400
        assert "林示例" not in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:5051"},
        {"Origin": "https://127.0.0.1:5050"},
        {"Origin": "http://localhost:5050"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_a_post_from_another_site_is_refused(laptop, headers):
    laptop.browser.unlock()
    answer = laptop.browser.post(
        "/settings/preferences", CHOICES, seen="/settings", headers=headers
    )
    assert answer.status_code == 403
    assert laptop.ws.setting("preferences") == {}


@pytest.mark.parametrize(
    "headers",
    [{}, {"Origin": "http://127.0.0.1:5050"}, {"Sec-Fetch-Site": "same-origin"}],
)
def test_a_post_from_its_own_pages_is_taken(laptop, headers):
    laptop.browser.unlock()
    answer = laptop.browser.post(
        "/settings/preferences", CHOICES, seen="/settings", headers=headers
    )
    assert answer.status_code == 302
    assert laptop.ws.setting("preferences")["idle_minutes"] == 5


@pytest.mark.parametrize(
    "path", ["/lock", "/language", "/sync", "/unlock", "/join", "/settings/backup", "/recovery"]
)
def test_a_post_without_the_forms_token_changes_nothing(laptop, path):
    laptop.browser.unlock()
    for data in ({}, {"csrf_token": ""}, {"csrf_token": "wrong"}):
        answer = laptop.browser.client.post(path, base_url=laptop.browser.base, data=data)
        assert answer.status_code == 400
        assert "页面已过期" in answer.text
    assert laptop.desk.present() is not None


def test_htmx_sends_the_token_in_a_header(laptop):
    laptop.browser.unlock()
    answer = laptop.browser.client.post(
        "/session/keep", base_url=laptop.browser.base,
        headers={"X-CSRFToken": laptop.browser.token("/settings")},
    )  # fmt: skip
    assert answer.json["seconds_left"] == 600


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "text/html"])
def test_other_content_types_are_refused(laptop, kind):
    laptop.browser.unlock()
    answer = laptop.browser.client.post(
        "/session/keep", base_url=laptop.browser.base, data="x=1", content_type=kind,
        headers={"X-CSRFToken": laptop.browser.token("/settings")},
    )  # fmt: skip
    assert answer.status_code == 415


def test_a_form_beyond_its_limit_is_refused(laptop):
    laptop.browser.unlock()
    answer = laptop.browser.post("/settings/server", {"server_url": "x" * 3_000_000})
    assert answer.status_code == 413


def test_every_get_is_read_only(laptop):
    laptop.browser.unlock()
    for rule in laptop.app.url_map.iter_rules():
        changing = rule.endpoint.split(".")[-1] in ("lock", "keep", "switch", "submit", "start",
                                                    "confirm", "withdraw", "noted")  # fmt: skip
        assert not (changing and rule.endpoint.startswith(("session", "unlock", "join", "sync",
                    "recovery", "outbox", "i18n")) and "GET" in rule.methods), rule  # fmt: skip


def test_answers_carry_the_strict_headers(laptop):
    laptop.browser.unlock()
    for path in ("/outbox", "/unlock", "/nothing", "/healthz"):
        headers = laptop.browser.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert "Access-Control-Allow-Origin" not in headers


def test_the_session_cookie_is_hidden_from_scripts_and_other_sites(laptop):
    answer = laptop.browser.unlock()
    cookie = next(one for one in answer.headers.getlist("Set-Cookie") if "field_5050" in one)
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", "", "127.0.0.1.x"])
def test_no_address_but_loopback_is_listened_on(tmp_path, host):
    with pytest.raises(NotLoopback):
        Settings(tmp_path, host=host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.5", "::1", "localhost"])
def test_loopback_addresses_are_listened_on(tmp_path, host):
    assert Settings(tmp_path, host=host).host == host
