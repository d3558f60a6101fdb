"""The addresses of privacy requests, purposes and code lists for the matrix of who sees what, with
something at each."""

from __future__ import annotations

from datetime import date
from typing import Any

from sync_server.store import privacy
from tests.sync_server.web.staff import READERS, Place

OFFICES = {"admin", "district", "street", "community"}
ANSWERING = {"admin", "district"}
DECIDING = {"privacy_acts.identity", "privacy_acts.answer", "privacy_acts.reopen",
            "privacy_acts.wanted", "privacy_acts.task"}  # fmt: skip
"""What answers a form without choices or words by asking for them; nothing is done."""


def privacy_pages(place: Place) -> dict[str, tuple[str, str, set[str]]]:
    """Every endpoint of these: its method and address, and the roles that may."""
    one, erase = (f"/privacy/{request_in(place, asked)}" for asked in ("access", "erase"))
    correct = f"/privacy/{request_in(place, 'correct')}"
    return {
        "wording.data_purposes": ("GET", "/purposes", {*READERS}),
        "wording.set_purposes": ("GET", "/purposes/change", ANSWERING),
        "code_pages.every": ("GET", "/code-lists", {*READERS}),
        "code_pages.change": ("GET", "/code-lists/SHOP_KIND", ANSWERING),
        "privacy.register": ("GET", "/privacy", OFFICES),
        "privacy.find": ("GET", "/privacy/find?q=lsl", OFFICES),
        "privacy.enter": ("GET", f"/privacy/new?record_id={place.ids['resident']}", OFFICES),
        "privacy.one": ("GET", correct, OFFICES),
        "privacy.unmask": ("POST", f"{one}/unmask", OFFICES),
        "privacy_acts.take": ("POST", f"{one}/take", ANSWERING),
        "privacy_acts.identity": ("POST", f"{one}/identity", ANSWERING),
        "privacy_acts.answer": ("POST", f"{one}/answer", ANSWERING),
        "privacy_acts.reopen": ("POST", f"{one}/reopen", ANSWERING),
        "privacy_acts.wanted": ("POST", f"{correct}/wanted", ANSWERING),
        "privacy_acts.task": ("POST", f"{correct}/task", ANSWERING),
        "privacy_acts.stop": ("GET", f"{erase}/stop", ANSWERING),
        "privacy_acts.extract": ("POST", f"{one}/extract", ANSWERING),
        "privacy_acts.extract_file": ("POST", f"{one}/extract.json", ANSWERING),
        "privacy_acts.back": ("GET", f"{one}/extract", ANSWERING),
    }


def request_in(place: Place, asked: str, **more: Any) -> str:
    """Return the id of a request about a place's resident, entered the first time it is asked
    for."""
    name = f"privacy {asked}"
    if name not in place.ids:
        assert place.laptop is not None
        assert place.worker is not None
        centre, (grid,) = place.laptop.centre, place.worker.scope_codes
        request_id = f"{len(place.ids):08d}-0000-7000-8000-{grid[-12:]}"
        said = {
            "district": centre.code, "request_id": request_id, "version": 1, "area": grid,
            "no": f"990101-2025-GX{grid[-6:]}{len(place.ids):02d}", "person_name": "",
            "record_id": place.ids["resident"], "asked": asked, "words": "asked at the desk",
            "asker": "self", "asker_name": "", "phone": "", "checked": "card", "road": "desk",
            "received_on": date(2026, 9, 29), "due_on": date(2026, 10, 14), "state": "open",
            "answer": "", "entered_by": place.worker.user_id, "entered_at": centre.clock(),
            "wanted": {"field": "phone", "value": "10000009876", "why": ""}
            if asked == "correct" else None,
        } | more  # fmt: skip
        with centre.store.writing() as connection:
            privacy.add(connection, said)
        place.ids[name] = request_id
    return place.ids[name]
