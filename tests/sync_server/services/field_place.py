"""Two grids with ten days of field work, on each database, for tests that only look."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from schemas.clock import written
from sync_server.services import accounts, field_lines
from sync_server.services.accounts import User
from sync_server.services.centre import Centre
from sync_server.services.ids import new_id
from sync_server.services.import_records import ImportedRecord, import_records
from tests.sync_server.world import COMMUNITY, DISTRICT, GRID, OTHER_GRID, add_worker, resident

CAMPAIGN, QUESTION = new_id(), new_id()


@dataclass
class Place:
    """The centre, who looks at it, and the records' ids by a short name."""

    centre: Centre
    people: dict[str, User] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    made: list[ImportedRecord] = field(default_factory=list)
    worker: str = ""

    def put(
        self, name: str, kind: str, fields: dict[str, Any], grid: str = GRID, made_at: str = ""
    ) -> str:
        """Note a record to be loaded and return its id."""
        self.ids[name] = self.ids.get(name) or new_id()
        at = made_at or "2026-09-01T08:00:00+08:00"
        self.made.append(ImportedRecord(self.ids[name], kind, grid, fields, self.worker, at))
        return self.ids[name]

    def load(self) -> None:
        """Load what was noted and work out the rows of field work."""
        with self.centre.store.writing() as connection:
            import_records(connection, DISTRICT, self.made, author=None, at=self.centre.clock())
        self.made = []
        field_lines.bring_up_to_date(self.centre.store, DISTRICT)

    def patrol(self, day: int, slot: str, *, late_h: int = 0, grid: str = GRID) -> str:
        """Note a patrol of a day in September that was entered ``late_h`` hours after."""
        start = datetime.fromisoformat(f"2026-09-{day:02d}T{8 + 4 * int(slot):02d}:30:00+08:00")
        return self.put(
            f"patrol {grid[-1]} {day} {slot} {late_h}", "patrol",
            {"slot": slot, "started_at": written(start), "ended_at": written(start),
             "covered_ids": [self.ids["compound"]], "items": {"green": {"result": "ok"}}},
            grid, written(start + timedelta(hours=late_h)),
        )  # fmt: skip

    def visit(self, name: str, day: int, home: str, result: str = "met", **more: Any) -> str:
        """Note a visit at ten of a day in September."""
        at = f"2026-09-{day:02d}T10:00:00+08:00"
        said = {"visited_at": at, "household_id": self.ids[home], "purposes": ["daily"],
                "mode": "door", "result": result, "notice_given": True, **more}  # fmt: skip
        return self.put(name, "visit", said, made_at=at)


def build(centre: Centre) -> Place:
    """Fill an empty centre."""
    place = Place(centre)
    with centre.store.writing() as connection:
        for role, scope in (("district", DISTRICT), ("community", COMMUNITY), ("leader", GRID)):
            place.people[role] = accounts.add_user(
                connection, DISTRICT, no=role, name=f"职员{role}", role=role, scope_codes=(scope,),
                now=centre.clock(),
            )  # fmt: skip
    place.worker = add_worker(centre, grids=(GRID, OTHER_GRID)).user_id
    for code, name in ((GRID, "第三网格"), (OTHER_GRID, "第四网格")):
        since = {"valid_from": "2026-01-01" if code == GRID else "2026-09-22"}
        place.put(name, "area", {"code": code, "name": name, "level": "grid", **since}, code)
    common = {"property_mode": "none", "guard": True, "barrier": False, "cctv": True,
              "self_gov": "none"}  # fmt: skip
    place.put("compound", "compound", {"code": "XQ-1", "name": "幸福里", "kind": "compound",
              "address": "路1号", "community_code": COMMUNITY, **common}, COMMUNITY)  # fmt: skip
    for number, grid in enumerate((GRID, OTHER_GRID), 1):
        place.put(f"building {number}", "building", {
            "compound_id": place.ids["compound"], "no": str(number),
            "location": {"lat": 39_000_000 + number * 900, "lon": 112_000_000 + number * 700,
                         "crs": "local-demo"},
        }, grid)  # fmt: skip
    for number in range(1, 6):
        grid = OTHER_GRID if number == 5 else GRID
        building = place.ids["building 2" if number == 5 else "building 1"]
        room = place.put(f"room {number}", "room", {
            "building_id": building, "no": f"10{number}", "label": f"1-1-10{number}",
            "unit_no": "1", "state": "vacant" if number == 4 else "owner"}, grid)  # fmt: skip
        place.put(f"home {number}", "household",
                  {"code": f"H{number}", "room_id": room, "kind": "family"}, grid)  # fmt: skip
    for number, risk in ((1, "high"), (2, "high"), (3, "key")):
        name = f"person {number}"
        home = place.ids[f"home {number}"]
        place.put(name, "resident", resident(name=f"林示例{number}", household_id=home))
        place.put(f"care {number}", "care", {
            "resident_id": place.ids[name], "cats": ["alone"], "risk": risk,
            "visit_every_days": 30, "keeper_id": place.worker, "since": "2026-01-01",
            "basis": "consent"})  # fmt: skip
    _work(place)
    place.load()
    return place


def _work(place: Place) -> None:
    for slot in "123":
        place.patrol(21, slot)
    place.patrol(22, "1", late_h=26)
    place.patrol(23, "2")
    place.patrol(23, "2", late_h=30)
    place.patrol(26, "1")  # a Saturday
    place.put("campaign", "campaign", {
        "name": "防诈骗敲门", "area_code": COMMUNITY, "starts_on": "2026-09-20",
        "ends_on": "2026-10-10", "purpose": "逐户宣传", "opinion_cats": ["green"],
        "questions": {QUESTION: {"text": "接到过诈骗电话吗"}}, "materials": {"fraud": {"qty": 2}},
    }, COMMUNITY)  # fmt: skip
    linked = {"campaign_id": place.ids["campaign"], "purposes": ["knock"]}
    checks = {place.ids["person 1"]: {"state": "well", "next_on": "2026-09-30"}}
    place.visit("visit 1", 23, "home 1", care_checks=checks, rating=5, **linked,
                materials={"fraud": {"qty": 2}}, answers={QUESTION: {"text": "接到过一次"}},
                opinions={QUESTION: {"category": "green", "text": "补种树"}})  # fmt: skip
    missed = {place.ids["person 2"]: {"state": "not_reached"}}
    place.visit("visit 2", 24, "home 2", care_checks=missed, rating=3)
    place.visit("visit 3", 24, "home 3", mode="phone")
    place.visit("visit 4", 28, "home 3", "nobody", **linked)
    place.visit("visit 5", 28, "home 4", "vacant", **linked)
    place.put("received", "material_move", {
        "moved_at": "2026-09-20T09:00:00+08:00", "material": "fraud", "move": "received",
        "qty": 50, "campaign_id": place.ids["campaign"]})  # fmt: skip
