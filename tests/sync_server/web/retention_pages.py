"""The addresses of retention for the matrix of who sees what, with a run of each state."""

from __future__ import annotations

from sync_server.services.ids import new_id
from sync_server.store import retention
from tests.sync_server.web.staff import Place

WHO = {"admin", "district"}
DECIDING = {"retention.period", "retention.propose", "retention.confirm", "retention.drop"}
"""What answers a form without choices by asking for them, or a run that is over."""


def retention_pages(place: Place) -> dict[str, tuple[str, str, set[str]]]:
    """Every endpoint of retention: its method and address, and the roles that may."""
    proposed, dropped = (run_in(place, state) for state in ("proposed", "dropped"))
    return {
        "retention.overview": ("GET", "/retention", WHO),
        "retention.period": ("POST", "/retention/period", WHO),
        "retention.propose": ("POST", "/retention/propose", WHO),
        "retention.one": ("GET", f"/retention/{proposed}", WHO),
        "retention.confirm": ("POST", f"/retention/{proposed}/confirm", WHO),
        "retention.drop": ("POST", f"/retention/{dropped}/drop", WHO),
    }


def run_in(place: Place, state: str) -> str:
    """Return the id of a run that lists a place's resident, made the first time it is asked for."""
    name = f"retention {state}"
    if name not in place.ids:
        assert place.laptop is not None
        assert place.worker is not None
        centre, (grid,), run_id = place.laptop.centre, place.worker.scope_codes, new_id()
        now, one = centre.clock(), place.ids["resident"]
        run = {
            "district": centre.code, "run_id": run_id, "name": "people", "years": 3,
            "before": now.replace(year=now.year - 3), "state": state,
            "proposed_by": place.worker.user_id, "proposed_at": now,
            "counts": {"persons": 1, "resident": 1},
        }  # fmt: skip
        row = {
            "district": centre.code, "run_id": run_id, "record_id": one, "kind": "resident",
            "grid": grid, "root_id": one, "state": "listed",
        }  # fmt: skip
        with centre.store.writing() as connection:
            retention.add_run(connection, run, [row])
        place.ids[name] = run_id
    return place.ids[name]
