"""Chinese first, English by a switch, and never a text without its English."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import field_app

ROOT = Path(field_app.__file__).parent
CATALOGUE = ROOT / "translations" / "en" / "LC_MESSAGES" / "messages.po"
KEYWORDS = {"_": None, "_l": None, "gettext": None, "lazy_gettext": None, "ngettext": (1, 2)}


def words_in_use():
    found = extract_from_dir(
        ROOT, [("**.py", "python"), ("templates/**.html", "jinja2")], keywords=KEYWORDS
    )
    return {message if isinstance(message, str) else message[0] for _, _, message, _, _ in found}


def english():
    with CATALOGUE.open("rb") as file:
        return {one.id if isinstance(one.id, str) else one.id[0]: one for one in read_po(file)}


def test_every_text_has_its_english():
    catalogue = english()
    missing = sorted(words_in_use() - {one for one, entry in catalogue.items() if entry.string})
    assert missing == []
    assert [one for one, entry in catalogue.items() if one and entry.fuzzy] == []


def test_translations_keep_every_placeholder():
    holders = re.compile(r"%\((\w+)\)s|\{(\w+)\}")
    for message, entry in english().items():
        if message and entry.string:
            strings = entry.string if isinstance(entry.string, tuple) else (entry.string,)
            for string in strings:
                assert set(holders.findall(string)) == set(holders.findall(message)), message


COUNTED = re.compile(r"%\(\w+\)s (?!is\b|as\b|this\b|person-times\b)[a-z-]+s\b")
NEVER_ONE = {
    "最近%(days)s天",
    "每户%(days)s天内至少见到一次；空置的房屋不算。",
    "党支部、党小组登记的成员，和已填党员类别的成员：%(days)s天内至少摸排一次，前%(soon)s天为快到期。",
    "巡查点是本网格的小区；%(due)s天没有巡查到为快到期，%(over)s天为超期。",
    "%(days)s天内到期%(count)s家",
    "登记了灭火器有效期的商铺；%(days)s天内到期为快到期，过了有效期为超期。换了新的，在商铺记录里改有效期。",
}
"""Texts whose number is a limit of many days."""


def test_a_number_that_may_be_one_stands_before_no_plural():
    plain = {one: entry.string for one, entry in english().items() if isinstance(entry.id, str)}
    found = {one for one, said in plain.items() if one and COUNTED.search(said)}
    assert found == NEVER_ONE


def test_no_text_in_english_is_left_in_chinese():
    han = re.compile("[\u3400-\u9fff]")
    left = [one for one, entry in english().items() if han.search(str(entry.string))]
    assert left == []


def test_the_compiled_catalogue_is_the_one_written():
    from babel.messages.mofile import write_mo

    with CATALOGUE.open("rb") as file:
        catalogue = read_po(file, locale="en")
    fresh = io.BytesIO()
    write_mo(fresh, catalogue)
    assert CATALOGUE.with_suffix(".mo").read_bytes() == fresh.getvalue()


@pytest.mark.parametrize(
    "path", ["/outbox", "/sync", "/relay", "/settings", "/unlock", "/join", "/nothing"]
)
def test_every_page_is_chinese_by_default_and_english_by_the_switch(laptop, path):
    laptop.browser.unlock()
    if path in ("/unlock", "/join"):
        laptop.desk.lock()
    page = laptop.browser.get(path).text
    assert '<html lang="zh-CN">' in page
    assert "网格巡访" in page
    answer = laptop.browser.post("/language", {"lang": "en", "next": path}, seen=path)
    assert answer.location == path
    page = laptop.browser.get(path).text
    assert '<html lang="en">' in page
    body = re.sub(r'<(\w+)[^>]*lang="zh-CN"[^>]*>.*?</\1>', "", page)
    for known in ("林示例", "测试本", "中文"):
        body = body.replace(known, "")
    assert re.findall("[\u3400-\u9fff]+", body) == []


def test_the_language_is_remembered_while_locked_and_by_the_worker(laptop):
    laptop.browser.unlock()
    laptop.browser.post("/language", {"lang": "en", "next": "/outbox"}, seen="/outbox")
    laptop.desk.lock()
    assert '<html lang="en">' in laptop.browser.get("/unlock").text
    laptop.browser.client.delete_cookie("gridrounds_field_lang", domain="127.0.0.1")
    assert '<html lang="zh-CN">' in laptop.browser.get("/unlock").text
    laptop.browser.unlock()
    assert '<html lang="en">' in laptop.browser.get("/outbox").text


def test_on_a_refused_form_the_switch_leads_back_to_its_page(laptop):
    laptop.browser.unlock()
    for referrer, back in (
        ("/settings?a=b", "/settings?a=b"),
        ("//evil.example/x", "/"),
        ("", "/"),
    ):
        address = f"http:{referrer}" if referrer[:2] == "//" else laptop.browser.base + referrer
        headers = {"Referer": address if referrer else ""}
        page = laptop.browser.post("/settings/preferences", {"lang": "fr"}, headers=headers)
        assert page.status_code == 422
        assert f'name="next" value="{back}"' in page.text


def test_the_switch_leads_nowhere_else(laptop):
    answer = laptop.browser.post("/language", {"lang": "en", "next": "https://evil.example/"})
    assert answer.location == "/"
