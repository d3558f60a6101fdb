"""Fixtures for the laptop: hands of a clock, a data folder, a laptop with one worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from field_app.services.joining import Request
from field_app.services.records import save_record
from field_app.services.workspace import Workspace
from sync_server.services.accounts import User
from tests.field_app.centres import CentreLine
from tests.field_app.desks import OTHER_PHONE, PHONE, Desk, edit
from tests.field_app.laptops import CENTRE, HOUSEHOLD, PASSPHRASE, Hands, Laptop
from tests.quick import lay_out


@pytest.fixture
def hands() -> Hands:
    """The laptop's clocks."""
    return Hands()


@pytest.fixture
def open_laptop(tmp_path: Path, hands: Hands) -> Iterator[Callable[..., Laptop]]:
    """Open laptops by folder name; all are locked at the end of the test."""
    opened: list[Laptop] = []

    def open_(name: str = "laptop", **settings: Any) -> Laptop:
        opened.append(Laptop(tmp_path / name, hands, **settings))
        return opened[-1]

    yield open_
    for laptop in opened:
        laptop.close()


@pytest.fixture
def laptop(open_laptop: Callable[..., Laptop]) -> Laptop:
    """A laptop whose worker has joined and sits at it."""
    laptop = open_laptop()
    laptop.settle()
    return laptop


@pytest.fixture
def ws(laptop: Laptop) -> Workspace:
    """The worker who sits at the laptop."""
    return laptop.ws


@pytest.fixture
def line(tmp_path: Path, hands: Hands, migrated_file: Path) -> Iterator[CentreLine]:
    """The real centre and the line to it."""
    lay_out(migrated_file, tmp_path / "centre")
    with CentreLine(tmp_path / "centre", hands) as line:
        yield line


@pytest.fixture
def joined(open_laptop: Callable[..., Laptop], line: CentreLine) -> Callable[..., Laptop]:
    """Join laptops to the centre: ``joined()``, ``joined("second", worker)``."""

    def join(name: str = "laptop", worker: User | None = None, **settings: Any) -> Laptop:
        laptop = open_laptop(name, **settings)
        code = line.code(worker or line.worker())
        laptop.desk.join(Request(CENTRE, code, PASSPHRASE, PASSPHRASE, name), laptop.call)
        return laptop

    return join


@pytest.fixture
def staff(line: CentreLine) -> Desk:
    """Somebody of the community's staff."""
    return Desk(line)


@pytest.fixture
def disputed(
    joined: Callable[..., Laptop], line: CentreLine, hands: Hands
) -> tuple[Laptop, Laptop, str, str, str]:
    """Two laptops whose workers gave one household two phone numbers; the first's stands."""
    first, second = joined("first"), joined("second", line.worker("w2"))
    record_id = save_record(first.ws, "household", "create", HOUSEHOLD).record_id
    first.sync()
    second.sync()
    hands.passes(60)
    mine, theirs = edit(first, record_id, phone=PHONE), edit(second, record_id, phone=OTHER_PHONE)
    first.sync()
    second.sync()
    hands.passes(60)
    return first, second, record_id, mine, theirs
