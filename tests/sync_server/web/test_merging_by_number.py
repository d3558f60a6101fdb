"""An issue merged into another by its number: asked about where the two are unlike."""

from __future__ import annotations

import re

import sqlalchemy as sa
from flask.testing import FlaskClient

from schemas import workflow as flow
from sync_server.store.case_tables import cases
from tests.sync_server.web.staff import Town
from tests.sync_server.web.test_issues import accepted, act, desk, done, report, stands, unit
from tests.sync_server.world import GRID

__all__ = ["desk", "unit"]


def test_a_number_of_another_category_is_merged_into_only_when_meant(
    desk: FlaskClient, town: Town
) -> None:
    into, other, issue_id = accepted(desk, town), report(town), report(town)
    done(desk, other, "accept", level="2", category="ENV", urgency="normal")
    same, no = stands(town, into)["no"], stands(town, other)["no"]
    asked = act(desk, issue_id, "merge", into_no=no, text="同一盏灯")
    assert "是另外的类别" in asked.text
    assert "同一盏灯</textarea>" in asked.text
    assert "必须填写" not in asked.text
    assert stands(town, issue_id)["state"] == flow.REPORTED
    sure = {"sure": re.search(r'name="sure" value="([^"]*)"', asked.text)[1]}  # type: ignore[index]
    assert sure == {"sure": other}
    done(desk, issue_id, "merge", into_no=no, **sure)
    assert stands(town, issue_id)["into_id"] == other
    done(desk, issue_id, "unmerge", text="不是")
    done(desk, issue_id, "merge", into_no=same)  # alike: nothing is asked


def test_sure_of_one_number_is_not_sure_of_another(desk: FlaskClient, town: Town) -> None:
    issue_id, other = report(town), report(town)
    done(desk, other, "accept", level="2", category="ENV", urgency="normal")
    no = stands(town, other)["no"]
    assert "是另外的类别" in act(desk, issue_id, "merge", into_no=no, sure=issue_id).text


def test_a_number_of_another_grid_is_merged_into_only_when_meant(
    desk: FlaskClient, town: Town
) -> None:
    into, issue_id = accepted(desk, town), report(town)
    with town.centre.store.writing() as connection:
        elsewhere = sa.update(cases).where(cases.c.issue_id == into).values(grid=GRID[:-3] + "999")
        connection.execute(elsewhere)
    asked = act(desk, issue_id, "merge", into_no=stands(town, into)["no"])
    assert "是另外的网格" in asked.text
    done(desk, issue_id, "merge", into_no=stands(town, into)["no"], sure=into)
