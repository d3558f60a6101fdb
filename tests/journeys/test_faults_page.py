"""docs/faults.md names journeys that exist."""

import re

from tests.journeys.programs import ROOT


def test_every_journey_of_the_page_exists():
    named = re.findall(
        r"`(test_\w+\.py)::(test_\w+)`", (ROOT / "docs" / "faults.md").read_text("utf-8")
    )
    assert len(named) >= 18
    for file, test in named:
        assert f"def {test}(" in (ROOT / "tests" / "journeys" / file).read_text("utf-8"), test
