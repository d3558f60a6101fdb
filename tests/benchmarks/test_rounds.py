"""Turns, medians, ratios and the last line of a benchmark."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from benchmarks import rounds
from benchmarks.cpu import growth


def test_every_contender_has_its_turn_in_each_round_and_another_one_begins() -> None:
    order = list(rounds.turns(["a", "b", "c"], 3))
    assert [name for number, name in order if number == 0] == ["a", "b", "c"]
    assert [name for number, name in order if number == 1] == ["b", "c", "a"]
    assert sorted(order) == sorted((number, name) for number in range(3) for name in "abc")


def test_figures_are_medians_and_tell_how_far_the_rounds_spread() -> None:
    seen = {"a": iter([10.0, 30.0, 20.0])}
    told = rounds.interleaved(["a"], 3, lambda name: {"rate": next(seen[name])})
    assert told["a"] == {"rate": 20.0, "spread": 3.0, "rounds": 3}


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([5.0], 99, 5.0),
        ([1.0, 2.0, 3.0, 4.0], 50, 2.0),
        (list(map(float, range(1, 101))), 99, 99.0),
    ],
)
def test_a_percentile_is_a_value_that_was_seen(values, percent, expected) -> None:
    assert rounds.percentile(values, percent) == expected


def test_of_nothing_there_is_no_percentile() -> None:
    assert math.isnan(rounds.percentile([], 50))


def test_a_missing_peer_gives_no_ratio_and_fails_nothing(capsys, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(rounds, "RESULTS", tmp_path)
    limits = rounds.judged({"of a peer": (rounds.ratio(3.0, None), ">=", 2.0)})
    assert rounds.last_line("some", {"figure": 1.23456}, limits) == 0
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert line["figure"] == 1.235
    assert line["limits"]["of a peer"]["kept"] is None


def test_a_missed_limit_fails_and_the_last_line_is_kept(
    capsys, monkeypatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(rounds, "RESULTS", tmp_path)
    limits = rounds.judged({"slow": (3.0, "<=", 2.0), "fast": (3.0, ">=", 2.0)})
    assert rounds.last_line("some", {}, limits) == 1
    kept = json.loads((tmp_path / "some.json").read_text(encoding="utf-8"))
    assert (kept["ok"], kept["missed"]) == (False, ["slow"])
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == kept


def test_memory_is_flat_when_only_the_start_grows() -> None:
    assert growth([10, 50, 100, 100, 100, 100, 100, 100]) == 1.0
    assert growth([100, 100, 100, 100, 100, 100, 150, 150]) == 1.5
