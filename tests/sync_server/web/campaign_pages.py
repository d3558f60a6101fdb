"""The addresses of campaigns and their results for the matrix of who sees what."""

from __future__ import annotations

from tests.sync_server.web.staff import READERS, Place, load

READ = set(READERS)
OFFICES = {"admin", "district", "street", "community"}


def campaign_pages(place: Place) -> dict[str, tuple[str, str, set[str]]]:
    """Every endpoint of campaigns: its method and address in a place, and the roles that may."""
    one, other = f"/campaigns/{campaign_in(place)}", campaign_in(place, "campaign to void")
    return {
        "campaigns.all_of_them": ("GET", "/campaigns", READ),
        "campaigns.one": ("GET", one, READ),
        "campaigns.answers": ("GET", f"{one}/answers/work", READ),
        "campaigns.make": ("GET", "/campaigns/new", OFFICES),
        "campaigns.change": ("GET", f"{one}/change", OFFICES),
        "campaign_results.totals": ("GET", "/campaigns/results", READ),
        "campaign_results.add": ("GET", f"{one}/results/new", OFFICES),
        "campaign_results.change": ("GET", f"{one}/results/wires", OFFICES),
        "campaign_results.remove": ("POST", f"{one}/results/nothing/remove", OFFICES),
        "campaigns.void": ("POST", f"/campaigns/{other}/void", OFFICES),
    }


def campaign_in(place: Place, called: str = "campaign") -> str:
    """Return the id of a knock campaign in a place's grid, loaded the first time it is asked
    for by this name."""
    if called not in place.ids:
        assert place.worker is not None
        assert place.laptop is not None
        (grid,) = place.worker.scope_codes
        mark = "隔壁" if "隔壁" in place.worker.name else ""
        result = {"item": f"{mark}飞线整治", "qty": "4", "unit": "ton", "on": "2026-09-30"}
        said = {"name": f"{mark}敲门", "area_code": grid, "starts_on": "2026-09-20",
                "ends_on": "2026-10-20", "purpose": "逐户宣传",
                "questions": {"work": {"text": "在外地工作吗"}},
                "results": {"wires": result}}  # fmt: skip
        place.ids[called] = load(place.laptop.centre, place.worker.user_id, "campaign", grid, said)
    return place.ids[called]
