"""How compounds lie over grids, worked out from their buildings."""

from __future__ import annotations

from sync_server.domain.overlap import lies

ONE, TWO, THREE, FOUR = (f"99010110000900{n}" for n in range(1, 5))
ELSEWHERE = "990101100008001"


def case(compound: str, *buildings: tuple[str, str]) -> str:
    return lies(buildings)[compound].case


def test_the_three_cases_of_the_sources_and_what_is_none_of_them():
    assert case("a", ("a", ONE), ("a", ONE)) == "equal"
    assert case("a", ("a", ONE), ("b", ONE)) == "compound_smaller"
    assert case("a", ("a", ONE), ("a", TWO)) == "compound_larger"
    assert case("a", ("a", ONE), ("a", TWO), ("b", TWO)) == "crossing"
    assert case("b", ("a", ONE), ("a", TWO), ("b", TWO)) == "compound_smaller"


def test_a_compound_in_two_communities_crosses_and_names_both():
    lie = lies([("a", ONE), ("a", ELSEWHERE)])["a"]
    assert (lie.case, lie.communities) == ("crossing", ("990101100008", "990101100009"))


def test_micro_grids_count_as_their_grid_and_a_building_in_none_counts_not():
    lie = lies([("a", f"{THREE}01"), ("a", f"{THREE}02"), ("a", "990101100009")])["a"]
    assert (lie.case, dict(lie.grids)) == ("equal", {THREE: 2})
    assert lies([("a", FOUR[:12])])["a"].case == ""
