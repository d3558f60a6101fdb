"""Figures go between their marks, again and again, and nothing else of a page changes."""

from __future__ import annotations

from benchmarks.last_figures import ingest, limits, written

PAGE = "# How fast\n\n<!-- pull -->\nold\n<!-- end -->\n\nWords.\n\n<!-- rush -->\n<!-- end -->\n"


def test_figures_take_the_place_of_the_former_ones() -> None:
    once = written(PAGE, {"pull": "new \\1"})
    assert once == PAGE.replace("old", "\nnew \\1\n")
    assert written(once, {"pull": "new \\1"}) == once


def test_a_missed_limit_stands_out() -> None:
    told = {"limits": {"rate": {"figure": 0.5, "limit": ">= 0.6", "kept": False}}}
    assert "| rate | 0.5 | ≥ 0.6 | **no** |" in limits(told)


def test_a_run_about_what_is_stored_alone_has_its_table() -> None:
    told = {"by_stored": {"ours": {"1000": {"to_control": 1.1}, "10000": {"to_control": 1.0}}}}
    assert ingest(told).splitlines()[-1] == "| ours | 1.10 | 1.00 |"
