"""Every failure has its sentence in both languages, with the same facts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from field_app import sync_client
from field_app.domain.errors import SENTENCES, sentence
from field_app.store import errors as store_errors
from field_app.sync_client.client import KNOWN_REFUSALS

RAISED = re.compile(r'SyncFault\(\s*"(\w+)"')
FACT = re.compile(r"\{(\w+)\}")
HANDLED_BY_THE_ROUND = {"sequence_gap", "stream_forked"}


@pytest.mark.parametrize("code", SENTENCES)
def test_both_languages_tell_the_same_facts(code):
    label = SENTENCES[code]
    assert set(FACT.findall(label.zh)) == set(FACT.findall(label.en))
    assert re.search("[\u3400-\u9fff]", label.zh)
    assert not re.search("[\u3400-\u9fff]", label.en)


def test_every_code_of_the_store_and_the_line_has_a_sentence():
    classes = [one for one in vars(store_errors).values() if isinstance(one, type)]
    codes = set()
    for one in classes:
        if one is store_errors.StoreError or not issubclass(one, store_errors.StoreError):
            continue
        timed = issubclass(one, store_errors.WrongPassphrase | store_errors.TooManyAttempts)
        codes.add((one(1.0) if timed else one()).code)
    sources = Path(sync_client.__file__).parent.glob("*.py")
    raised = {code for one in sources for code in RAISED.findall(one.read_text("utf-8"))}
    assert len(raised) > 5
    codes |= raised | {"server_busy", "rate_limited"}
    assert codes | (KNOWN_REFUSALS - HANDLED_BY_THE_ROUND) <= set(SENTENCES)


def test_facts_fill_the_sentence_and_a_missing_one_breaks_nothing():
    assert sentence("server_busy", "zh", seconds=30) == "服务器繁忙，30秒后会再试。"
    assert "(?)" in sentence("server_error", "en")
    assert sentence("no_such_code", "zh") == "no_such_code"


@pytest.mark.parametrize("facts", [{}, {"seconds": 0}])
def test_a_busy_server_that_names_no_time_is_not_said_to_be_free_in_no_time(facts):
    assert sentence("server_busy", "zh", **facts) == "服务器繁忙，稍后会再试。记录都在本机。"
    assert not re.search(r"[0-9?]", sentence("server_busy", "en", **facts))


def test_a_certificate_not_trusted_may_be_the_fault_of_this_computers_clock():
    assert "日期和时间" in sentence("tls_failed", "zh")
    assert "date and time" in sentence("tls_failed", "en")
