"""Reading forms as a browser would post them untouched, and submitting them."""

from __future__ import annotations

import pytest
from flask import Flask, redirect, request

from demo.pages import Form, Page, PageError, Visitor

PAGE = """
<form action="/save" method="post" id="main">
  <input type="hidden" name="token" value="t&amp;1">
  <input name="line" value="一行">
  <input name="bare">
  <input type="checkbox" name="ticks" value="a" checked>
  <input type="checkbox" name="ticks" value="b">
  <input type="checkbox" name="plain" checked>
  <input type="radio" name="choice" value="1">
  <input type="radio" name="choice" value="2" checked>
  <input type="radio" name="unset" value="1">
  <select name="menu"><option value="">请选择</option><option value="x" selected>X</option></select>
  <select name="untouched"><option value="first">1</option><option value="last">2</option></select>
  <select name="many" multiple><option value="p" selected>P</option><option value="q" selected>Q
  </option><option value="r">R</option></select>
  <select name="none" multiple><option value="p">P</option></select>
  <textarea name="words">
第一行
第二行 &lt;b&gt;</textarea>
  <input type="file" name="photo"><input type="reset" name="again"><input disabled name="off">
  <input type="submit" name="go" value="now">
  <button name="_act" value="save">保存</button><button name="_act" value="keep">存</button>
</form>
<form action="/other"><input name="q"></form>
<input name="late" value="1" form="main">
<p><a href="/there?x=1">去 <b>那里</b></a> <a href="/here">这里</a></p>
"""


@pytest.fixture
def visitor(live_server) -> Visitor:
    """Somebody at a small site that tells what it was sent."""
    app = Flask(__name__)
    app.add_url_rule("/", "home", lambda: PAGE)
    app.add_url_rule("/bad", "bad", lambda: ("错", 422))
    app.add_url_rule("/moved", "moved", lambda: redirect("/?moved=1"))

    @app.post("/save")
    def save() -> str:
        told = [f"{name}={value}" for name, value in request.form.items(multi=True)]
        head = [request.headers["Origin"], request.headers["Referer"]]
        return "<br>".join(told + head)

    @app.get("/other")
    def other() -> str:
        return f"q={request.args['q']}"

    return Visitor(live_server(app))


def form_of(visitor: Visitor) -> tuple[Page, Form]:
    page = visitor.open("/")
    return page, page.form("line", "_act")


def test_a_form_holds_what_a_browser_would_post_untouched(visitor):
    _, form = form_of(visitor)
    assert (form.action, form.method) == ("/save", "post")
    assert form.fields == [
        ("token", "t&1"), ("line", "一行"), ("bare", ""), ("ticks", "a"), ("plain", "on"),
        ("choice", "2"), ("menu", "x"), ("untouched", "first"), ("many", "p"), ("many", "q"),
        ("words", "第一行\n第二行 <b>"), ("late", "1"),
    ]  # fmt: skip
    assert form.buttons == [("go", "now"), ("_act", "save"), ("_act", "keep")]


def test_a_form_knows_every_control_also_the_empty_ones(visitor):
    _, form = form_of(visitor)
    assert {"unset", "none", "photo", "ticks", "bare", "late"} <= form.names
    assert "off" not in form.names


def test_links_are_read_with_their_words(visitor):
    page, _ = form_of(visitor)
    assert page.links == [("去 那里", "/there?x=1"), ("这里", "/here")]
    assert page.link("there") == "/there?x=1"
    with pytest.raises(PageError, match="no link with nowhere"):
        page.link("nowhere")


def test_submitting_replaces_what_stood_there_and_names_the_button(visitor):
    page, form = form_of(visitor)
    typed = {"line": "新的", "ticks": ["b", "c"], "none": []}
    answer = visitor.submit(page, form, typed, "_act=save")
    told = answer.html.split("<br>")
    assert "line=新的" in told
    assert "line=一行" not in told
    assert [one for one in told if one.startswith("ticks")] == ["ticks=b", "ticks=c"]
    assert "many=q" in told
    assert told[-3:] == ["_act=save", visitor.base, f"{visitor.base}/"]


def test_a_form_that_gets_is_submitted_in_the_address(visitor):
    page, _ = form_of(visitor)
    assert visitor.submit(page, page.form("q"), {"q": "林 示例"}).html == "q=林 示例"


def test_redirects_are_followed_and_refusals_are_told(visitor):
    assert visitor.open("/moved").url.endswith("/?moved=1")
    with pytest.raises(PageError, match="/bad answered 422"):
        visitor.open("/bad")
    with pytest.raises(PageError, match="has no form with nothing"):
        visitor.open("/").form("nothing")
