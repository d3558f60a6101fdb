"""What the demo is asked to do, and which folder it may empty."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.__main__ import main
from demo.plan import MARK, BadPlan, empty_folder, read_plan


@pytest.mark.parametrize(("said", "status"), [("--help", 0), ("--world", 2), ("stop", 2)])
def test_the_demo_takes_no_arguments_and_starts_nothing_for_any(said, status, monkeypatch, capsys):
    monkeypatch.setattr("demo.__main__.read_plan", lambda: pytest.fail("it began"))
    with pytest.raises(SystemExit) as ended:
        main([said])
    assert ended.value.code == status
    told = capsys.readouterr()
    assert "SERVER_PORT" in told.out if status == 0 else said in told.err


def test_an_empty_environment_asks_for_the_small_world_on_the_usual_ports():
    plan = read_plan({})
    assert (plan.world, plan.seed, plan.folder) == ("S", 1, Path(".demo"))
    assert (plan.server, plan.laptop) == ("http://127.0.0.1:8000", "http://127.0.0.1:5050")


def test_the_environment_says_otherwise():
    asked = {"WORLD": "A", "SEED": "7", "SERVER_PORT": "8123", "LAPTOP_PORT": "5123"}
    plan = read_plan(asked | {"DEMO_DIR": "there"})
    assert (plan.world, plan.seed, plan.server_port, plan.laptop_port) == ("A", 7, 8123, 5123)
    assert plan.folder == Path("there")


@pytest.mark.parametrize(
    "asked",
    [
        {"WORLD": "C"},
        {"SEED": "one"},
        {"SEED": "0"},
        {"SERVER_PORT": "65536"},
        {"LAPTOP_PORT": "-1"},
        {"LAPTOP_PORT": "８０００"},
        {"SERVER_PORT": "5050"},
    ],
)
def test_what_cannot_be_done_is_told_by_its_name(asked):
    with pytest.raises(BadPlan, match=next(iter(asked))):
        read_plan(asked)


def test_only_a_folder_of_its_own_is_emptied(tmp_path):
    own = tmp_path / "demo"
    assert empty_folder(own) is None
    (own / "centre").mkdir()
    (own / "centre" / "centre.db").write_bytes(b"old")
    before = empty_folder(own)
    assert [path.name for path in own.iterdir()] == [MARK]
    assert before == tmp_path / "demo-before"
    assert (before / "centre" / "centre.db").read_bytes() == b"old"
    assert empty_folder(own) == before
    assert [path.name for path in before.iterdir()] == [MARK]  # the last one, no earlier one
    (before / MARK).unlink()
    (before / "wedding.jpg").write_bytes(b"dear")
    with pytest.raises(BadPlan, match="demo-before holds other files"):
        empty_folder(own)
    assert (own / MARK).exists()
    assert (before / "wedding.jpg").read_bytes() == b"dear"

    foreign = tmp_path / "photos"
    foreign.mkdir()
    empty_folder(foreign)  # an empty one may be taken
    (foreign / MARK).unlink()
    (foreign / "wedding.jpg").write_bytes(b"dear")
    with pytest.raises(BadPlan, match="holds other files"):
        empty_folder(foreign)
    assert (foreign / "wedding.jpg").read_bytes() == b"dear"
