"""What residents said on visits, by category: counts and the words themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from schemas.codes import code_list
from sync_server.domain.access import narrowed
from sync_server.domain.errors import Refusal
from sync_server.services.accounts import User, require_records
from sync_server.services.campaigns import find
from sync_server.services.places import names_for
from sync_server.services.titles import Titles
from sync_server.store import materials as stored
from sync_server.store.records_read import by_ids

PAGE = 50


@dataclass(frozen=True)
class Said:
    """One opinion: on which visit, where, when, what, and what the visit led to."""

    visit_id: str
    home: str
    area: str
    at: datetime
    category: str
    text: str
    issues: tuple[str, ...]
    services: tuple[str, ...]


@dataclass(frozen=True)
class Opinions:
    """The opinions of a period: counts by category and by grid, and a page of them."""

    categories: tuple[tuple[str, str, int], ...]
    grids: tuple[tuple[str, str, dict[str, int]], ...]
    lines: tuple[Said, ...]
    campaign: str
    total: int
    page: int
    pages: int


def list_opinions(
    connection: sa.Connection,
    person: User,
    *,
    first: date,
    last: date,
    area: str,
    category: str,
    campaign_id: str,
    page: int,
    lang: str,
) -> Opinions:
    """Return the opinions heard from ``first`` to ``last`` in an area, of a category and a campaign
    when they are given.

    Raises Refusal: not_allowed, unknown_record for an area or campaign that is not the person's.
    """
    require_records(person)
    district = person.district
    areas = narrowed(person.scope_codes, area) if area else tuple(person.scope_codes)
    if not areas:
        raise Refusal("unknown_record")
    campaign = find(connection, person, campaign_id) if campaign_id else None
    counts = stored.opinion_counts(connection, district, areas, first, last, campaign_id)
    codes = code_list("OPINION_CAT")
    by_category: Counter[str] = Counter()
    by_grid: dict[str, dict[str, int]] = {}
    for grid, said, number in counts:
        by_category[said] += number
        by_grid.setdefault(grid, {})[said] = number
    total = by_category[category] if category else sum(by_category.values())
    pages = max(1, -(-total // PAGE))
    page = min(max(page, 1), pages)
    some = stored.opinions_page(
        connection, district, areas, first, last, campaign_id, category,
        start=(page - 1) * PAGE, size=PAGE,
    )  # fmt: skip
    names = names_for(connection, district, by_grid)
    known = [item.code for item in codes.items]
    others = [one for one in by_category if one not in known]
    return Opinions(
        categories=tuple(
            (one, codes.text(one, lang), by_category[one]) for one in [*known, *others]
        ),
        grids=tuple((grid, names[grid], by_grid[grid]) for grid in sorted(by_grid)),
        lines=tuple(_said(connection, person, some, lang)),
        campaign=str(campaign["fields"].get("name") or "") if campaign else "",
        total=total,
        page=page,
        pages=pages,
    )


def _said(
    connection: sa.Connection, person: User, some: Sequence[tuple[str, str]], lang: str
) -> Iterable[Said]:
    rows = by_ids(connection, person.district, {visit for visit, _ in some})
    names = names_for(connection, person.district, {row["grid"] for row in rows.values()})
    titles = Titles(connection, person, lang)
    whom = {}
    for one, row in rows.items():
        for kind in ("household", "shop"):
            if aim := row["fields"].get(f"{kind}_id"):
                whom[one] = (kind, aim)
    titles.preload(whom.values())
    codes = code_list("OPINION_CAT")
    for visit, key in some:
        fields = rows[visit]["fields"]
        opinion = (fields.get("opinions") or {}).get(key) or {}
        yield Said(
            visit_id=visit,
            home=(titles.lookup(*whom[visit]) or "") if visit in whom else "",
            area=names[rows[visit]["grid"]],
            at=rows[visit]["happened_at"],
            category=codes.text(str(opinion.get("category") or "other"), lang),
            text=str(opinion.get("text") or ""),
            issues=tuple(fields.get("issue_ids") or ()),
            services=tuple(fields.get("service_ids") or ()),
        )
