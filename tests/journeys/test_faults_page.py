"""docs/faults.md names tests that exist."""

import re

from tests.journeys.programs import ROOT

PAGE = (ROOT / "docs" / "faults.md").read_text("utf-8")


def test_every_journey_of_the_page_exists():
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", PAGE)
    assert len(named) >= 18
    for file, test in named:
        assert f"def {test}(" in (ROOT / "tests" / "journeys" / file).read_text("utf-8"), test


def test_every_other_test_of_the_page_exists():
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`", PAGE)
    assert any(test for _, test in named)
    for file, test in named:
        assert f"def {test}" in (ROOT / file).read_text("utf-8"), (file, test)
