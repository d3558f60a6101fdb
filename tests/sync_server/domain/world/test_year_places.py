"""World B's places: the figures its district has published, counted in what is drawn."""

from __future__ import annotations

from datetime import UTC, datetime

from sync_server.domain.world.seeds import Seed
from sync_server.domain.world.year_places import Places

BEGINS = datetime(2025, 10, 1, tzinfo=UTC)


def test_branches_and_grids_are_as_many_as_the_district_has_published() -> None:
    drawn = list(Places(Seed(1), BEGINS).records())
    compounds = [one.fields for one in drawn if one.kind == "compound"]
    branches = [one for one in compounds if one["org_form"] != "none"]
    coinciding = [one for one in branches if one["overlap"] == "equal" and one["org_form"] == "own"]
    assert (len(branches), len(compounds), len(coinciding)) == (357, 977, 247)
    assert round(100 * len(branches) / len(compounds), 1) == 36.5
    assert round(100 * len(coinciding) / len(branches), 1) == 69.2
    levels = [one.fields["level"] for one in drawn if one.kind == "area"]
    assert (levels.count("micro"), levels.count("grid")) == (1_819, 675)
    assert round(levels.count("micro") / levels.count("grid"), 2) == 2.69
