"""The departments and property companies that issues are dispatched to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from sync_server.domain.world.issue_texts import DEPARTMENTS
from sync_server.domain.world.records import Pen, WorldRecord
from sync_server.domain.world.seeds import Seed
from sync_server.domain.world.shape import DISTRICT
from sync_server.domain.world.staff import COMPANIES, Staff, units_made_at


def units(seed: Seed, today: date, staff: Staff) -> Iterator[WorldRecord]:
    """Yield every unit with the categories it leads."""
    pen = Pen("unit", seed.ids("unused"))
    author, at = staff.district.user_id, units_made_at(today)
    for name, (unit, _) in staff.units.items():
        company = name in COMPANIES
        leads = [category for category, lead in DEPARTMENTS.items() if lead == name]
        fields = {
            "name": name,
            "unit_kind": "company" if company else "department",
            "categories": ["PROP"] if company else leads,
            "has_org": True,
        }
        yield pen.keep(unit, DISTRICT, author, at, fields)
