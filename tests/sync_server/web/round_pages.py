"""Pages about rounds, units and the weekly meeting, with the roles that reach them."""

from __future__ import annotations

from tests.sync_server.web.staff import READERS

DECIDING = {"unit_figures.as_xlsx"}
"""Answers a form without a period by asking for one."""


def round_pages() -> dict[str, tuple[str, str, set[str]]]:
    """Return the endpoints with their method, their address, and who may."""
    read = set(READERS)
    return {
        "daily_rounds.one_day": ("GET", "/statistics/day", read),
        "unit_figures.statistics": ("GET", "/statistics/units", read),
        "unit_figures.back": ("GET", "/statistics/units/export", read),
        "unit_figures.as_xlsx": ("POST", "/statistics/units/export", read),
        "meeting_sheet.week": ("GET", "/meeting", read),
    }
