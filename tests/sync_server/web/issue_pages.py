"""The addresses of issues and what is counted of them for the matrix of who sees what."""

from __future__ import annotations

from tests.sync_server.web.staff import READERS

READ = set(READERS)
OFFICES = {"district", "street", "community"}


def issue_pages(issue_id: str) -> dict[str, tuple[str, str, set[str]]]:
    """Every endpoint of issues: its method and address, and the roles that may."""
    return {
        "issue_intake.take_in": ("GET", "/issues/new", OFFICES),
        "issues.queue": ("GET", "/issues", READ),
        "issues.one": ("GET", f"/issues/{issue_id}", READ),
        "issues.file": ("GET", f"/issues/{issue_id}/file", READ),
        "issues.begin": ("GET", f"/issues/{issue_id}/do/note", READ - {"admin"}),
        "issues.take": ("POST", f"/issues/{issue_id}/do/note", READ - {"admin"}),
        "issue_figures.statistics": ("GET", "/statistics", READ),
        "compound_figures.statistics": ("GET", "/statistics/compounds", READ),
        "compound_figures.as_xlsx": ("POST", "/statistics/compounds/export", READ),
        "compound_figures.back": ("GET", "/statistics/compounds/export", READ),
        "areas.team": ("GET", "/areas/team", {"district"}),
    }
