"""No page and no exchange reads a whole district on SQLite to find a few rows of it.

Plans do not depend on what is stored (``store/planning.py``): a town tells what a city would see.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_server.services.centre import open_centre
from sync_server.settings import Settings
from tests.sync_server.plans import Plans, reads_all
from tests.sync_server.web import staff
from tests.sync_server.web.test_pages_access import pages
from tests.sync_server.web.test_routing import everything
from tests.sync_server.world import DISTRICT, StillClock

ALL_OF_IT = (
    r"SELECT min\((patrol_lines|visit_lines)\.day\)",  # the first row of an index
    r"SELECT min\(cases\.happened_at\)",
    r"DELETE FROM likeness_keys WHERE likeness_keys\.district = \?$",  # the search begins anew
    r"SELECT .* AND changes\.doubtful AND",  # an index that holds nothing else
)
"""What is asked of a whole district on purpose."""


@pytest.fixture
def town(tmp_path: Path) -> Iterator[staff.Town]:
    """A town on SQLite."""
    settings = Settings(tmp_path, "", DISTRICT, sign_ins_per_minute=10_000, testing=True)
    centre = open_centre(settings, StillClock())
    yield staff.build(centre)
    centre.store.close()


def test_nothing_reads_a_whole_district_for_a_few_rows(town: staff.Town) -> None:
    addresses = pages(town.here)
    with Plans(town.centre.store.engine) as plans:
        everything(town, addresses)
    assert len(plans.steps) > 200
    found = plans.reading_all()
    asked = {one for one in found if any(re.match(pattern, one) for pattern in ALL_OF_IT)}
    assert {one: steps for one, steps in found.items() if one not in asked} == {}
    for pattern in ALL_OF_IT:  # what is not asked any more need not be excused
        assert any(re.match(pattern, one) for one in asked), pattern


@pytest.mark.parametrize(
    ("step", "all_of_it"),
    [
        ("SCAN records", True),
        ("SCAN records_1 USING COVERING INDEX ix_records_search", True),
        ("SEARCH changes USING INDEX ix_changes_district_outcome (district=?)", True),
        ("SEARCH changes USING INDEX pk_changes (district=? AND change_id=?)", False),
        ("SCAN users", False),
        ("SEARCH districts USING INDEX sqlite_autoindex_districts_1 (district=?)", False),
        ("SCAN json_each VIRTUAL TABLE INDEX 1:", False),
        ("USE TEMP B-TREE FOR ORDER BY", False),
    ],
)  # fmt: skip
def test_what_counts_as_reading_all(step: str, all_of_it: bool) -> None:
    assert reads_all(step) is all_of_it
