"""docs/PROTOCOL.md keeps its word: its examples are sent to the real server, its answers compared.

Once to the app in this process, once to the server as an operator starts it; each answer is also
held against the API's own description.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from sync_server.app import app_of
from sync_server.services import accounts
from sync_server.services.centre import open_centre
from sync_server.settings import Settings
from sync_server.web.openapi import document
from tests.journeys.programs import ROOT, CentreProgram, ServedCentre
from tests.journeys.world import World

PAGE = (ROOT / "docs" / "PROTOCOL.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"```json (POST|GET|\d{3})(?: (\S+))?\n(.*?)```", re.DOTALL)
NAME = re.compile(r"<(\w+)>")
WORKER, GRID = "019992fb-ce80-785a-8837-35ae7ad31056", "990101100009003"


def examples() -> Iterator[tuple[str, str, str, int, Any]]:
    """Yield method, path, body, expected status and expected members, in the page's order."""
    blocks = BLOCK.findall(PAGE)
    for asked, answered in zip(blocks[::2], blocks[1::2], strict=True):
        yield asked[0], asked[1], asked[2], int(answered[0]), json.loads(answered[2])


def fits(said: Any, shown: Any, names: dict[str, str], place: str = "") -> None:
    """Assert that an answer has what the page shows; bind the names it gives."""
    if isinstance(shown, dict):
        assert isinstance(said, dict), place
        for name, inner in shown.items():
            assert name in said, f"{place}/{name}"
            fits(said[name], inner, names, f"{place}/{name}")
    elif isinstance(shown, list):
        assert len(said) == len(shown), place
        for number, inner in enumerate(shown):
            fits(said[number], inner, names, f"{place}/{number}")
    elif isinstance(shown, str) and (found := NAME.fullmatch(shown)):
        if found[1] != "any":
            assert names.setdefault(found[1], said) == said, place
    else:
        assert said == shown, place


def described(method: str, path: str, status: int, body: Any) -> None:
    """Assert that an answer has the shape the API's description gives it."""
    api = document()
    answers = api["paths"][path.removeprefix("/api/v1")][method.lower()]["responses"]
    (content,) = answers[str(status)]["content"].values()
    Draft202012Validator(content["schema"] | {"components": api["components"]}).validate(body)


@pytest.fixture(scope="module")
def empty_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A centre that knows the one worker of the examples and nothing else."""
    folder = tmp_path_factory.mktemp("examples") / "centre"
    opened = open_centre(Settings(folder))
    with opened.store.writing() as connection:
        accounts.add_user(
            connection, opened.code, no="W009003", name="林示例", role="worker", kind="full",
            scope_codes=(GRID,), now=opened.clock(), user_id=WORKER,
        )  # fmt: skip
    opened.store.close()
    return World(folder, {})


@pytest.mark.parametrize("program", [ServedCentre, CentreProgram])
def test_the_examples_of_the_page_are_answered_as_it_says(
    program: type[CentreProgram], empty_world: World, tmp_path: Path
) -> None:
    with program(tmp_path, empty_world) as centre:
        centre.start()
        names = {"code": centre.join_code("W009003")}
        for method, path, text, status, shown in examples():
            body = NAME.sub(lambda found: names[found[1]], text).encode()
            headers = {"Content-Type": "application/json"}
            if "token" in names:
                headers["Authorization"] = f"Bearer {names['token']}"
            answer = requests.request(
                method, centre.address + path, data=body, headers=headers, timeout=20
            )
            assert answer.status_code == status, answer.text
            fits(answer.json(), shown, names, f"{method} {path} {status}")
            described(method, path, status, answer.json())


def test_the_description_is_valid_and_names_every_address(empty_world: World) -> None:
    validate(document())
    opened = open_centre(Settings(empty_world.folder))
    try:
        rules = {
            re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule).removeprefix("/api/v1")
            for rule in app_of(opened).url_map.iter_rules()
            if rule.rule.startswith("/api/v1/")
        }
    finally:
        opened.store.close()
    assert rules == set(document()["paths"])
