"""Logs for machines: one JSON object a line, with ids and codes as members, and no people."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from sync_server.app import app_of
from sync_server.cli import logs
from sync_server.services.centre import Centre
from tests.sync_server.world import Laptop, resident


def line(message: object, *args: object, **more: object) -> dict:
    record = logging.LogRecord("x", logging.INFO, "f", 1, message, args, more.get("exc_info"))
    return json.loads(logs.JsonLines().format(record))


def test_what_a_message_names_becomes_a_member() -> None:
    told = line("exchange device=%s batch=%s changes=%d", "d1", "b1", 3)
    assert told["message"] == "exchange device=d1 batch=b1 changes=3"
    assert (told["device"], told["batch"], told["changes"]) == ("d1", "b1", 3)
    assert told["level"] == "INFO"
    assert told["time"].endswith("+00:00")


def test_a_value_without_a_name_does_not_shift_the_others() -> None:
    assert line("timer: %d %s left=%d", 2, "steps", 7)["left"] == 7
    assert "left" not in line("100 %% left=7")
    assert line({"a": 1})["message"] == "{'a': 1}"


def test_a_member_of_every_line_is_not_overwritten() -> None:
    assert line("level=%s", "high")["level"] == "INFO"


def test_a_failure_is_told_in_its_line() -> None:
    try:
        raise ZeroDivisionError
    except ZeroDivisionError as error:
        told = line("failed", exc_info=(type(error), error, error.__traceback__))
    assert "ZeroDivisionError" in told["exception"]


@pytest.fixture
def heard(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    caplog.set_level(logging.INFO)
    return caplog


def test_every_request_leaves_a_line_that_names_nobody(
    centre: Centre, laptop: Laptop, heard: pytest.LogCaptureFixture
) -> None:
    client = app_of(
        replace(centre, settings=replace(centre.settings, json_logs=True))
    ).test_client()
    laptop.write("resident", "create", resident())
    laptop.post(client)
    client.get("/records/resident?q=林示例")
    client.get("/no-such/林示例")
    lines = [json.loads(logs.JsonLines().format(one)) for one in heard.records]
    told = [one for one in lines if one["message"].startswith("request")]
    assert [one["route"] for one in told] == ["/api/v1/sync", "/records/<kind>", "-"]
    assert [one["status"] for one in told] == [200, 302, 404]
    assert next(one for one in lines if one["message"].startswith("exchange"))["new"] == 1
    assert "林" not in json.dumps(lines, ensure_ascii=False)


def test_without_the_option_requests_leave_no_line(
    centre: Centre, heard: pytest.LogCaptureFixture
) -> None:
    app_of(centre).test_client().get("/sign-in")
    assert [one for one in heard.messages if one.startswith("request")] == []
