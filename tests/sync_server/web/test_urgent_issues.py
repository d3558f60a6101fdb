"""Urgent issues at the centre: counted on the first page, marked and first in the queue."""

from __future__ import annotations

import re

from flask import Flask

from tests.sync_server.web.staff import Town, sign_in
from tests.sync_server.web.test_issues import report


def test_the_first_page_tells_how_many_of_my_issues_are_urgent(app: Flask, town: Town) -> None:
    community = sign_in(app, "community")
    assert re.search(r"其中紧急</span><strong>0<", community.get("/").text)
    assert "其中特急" not in community.get("/").text
    urgent = report(town, urgency="urgent")
    report(town, urgency="emergency")
    report(town)
    page = community.get("/").text
    [address] = re.findall(r'href="([^"]+)"><span class="label">其中紧急</span><strong>1<', page)
    assert re.search(r"其中特急</span><strong>1<", page)
    queue = community.get(address.replace("&amp;", "&")).text
    assert "共 1 件" in queue
    assert urgent in queue
    assert "其中紧急" not in sign_in(app, "auditor").get("/", follow_redirects=True).text


def test_urgent_issues_stand_out_and_come_after_emergencies_before_others(
    app: Flask, town: Town
) -> None:
    ids = [report(town, urgency=one) for one in ("normal", "urgent", "emergency")]
    page = sign_in(app, "community").get("/issues?tab=accept").text
    places = [page.index(one) for one in ids]
    assert places == sorted(places, reverse=True)
    marked = re.findall(r'<tr class="pressing">.*?</tr>', page, re.DOTALL)
    assert [one in marked[0] for one in ids] == [False, False, True]
    assert re.search(r'<span class="tag tag-held">紧急</span>', marked[1])
    assert len(marked) == 2
