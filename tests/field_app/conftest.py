"""Fixtures for the laptop: hands of a clock, a data folder, a laptop with one worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from field_app.services.workspace import Workspace
from tests.field_app.laptops import Hands, Laptop


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
