"""An issue recalled from a unit: none of its work any more, neither done nor late; it reads what
there was until then, and what it did itself."""

from __future__ import annotations

import re
from html import unescape

from flask import Flask

from tests.sync_server.web.handed import act_for, add_unit, dispatched, report, step
from tests.sync_server.web.staff import Town, post, sign_in

PERIOD = "since=2026-09-01&until=2026-09-30"


def plain(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page[page.index("<main") :]).split())


def of_unit(page: str, name: str) -> str:
    """Return the row of a unit in the figures of issues, in words."""
    found = re.search(
        rf"<tr><th scope=\"row\" class=\"name\"><a href=\"/units/[^\"]+\">{name}</a>.*?</tr>",
        page,
        re.S,
    )
    return plain(f"<main{found[0]}") if found else ""


def recalled(town: Town, mark: str) -> tuple[str, str, str]:
    """Let a unit take an issue, recall it, and let another one settle it; return it and both.
    ``mark`` tells the units of one test from those of another."""
    first, second = add_unit(town, f"先派{mark}局"), add_unit(town, f"后派{mark}局")
    act_for(town, f"first{mark}", "department", first)
    act_for(town, f"second{mark}", "department", second)
    issue = dispatched(town, first, title="路灯不亮")
    step(town, f"first{mark}", issue, "take", text="我们先看看")
    step(town, "community", issue, "recall", text="应由后派的局办")
    step(town, "community", issue, "classify", level="2", category="FAC", urgency="urgent")
    step(town, "community", issue, "dispatch", target_id=second, text="请后派的局抓紧")
    step(town, f"second{mark}", issue, "take", text="已派人")
    step(town, f"second{mark}", issue, "resolve", result="solved", text="换了灯泡")
    return issue, first, second


def test_a_unit_reads_no_further_than_the_recall(quiet_town: Town, quiet_app: Flask) -> None:
    issue, _, _ = recalled(quiet_town, "甲")
    client = sign_in(quiet_app, "first甲")
    page = plain(client.get(f"/handed/{issue}").text)
    for words in ("已不由本单位办理", "我们先看看", "应由后派的局办", "撤回派发"):
        assert words in page
    for words in ("抓紧", "已派人", "换了灯泡", "后派甲局 ", "已处置待核查", "处置时限"):
        assert words not in page, words
    assert 'class="acts"' not in client.get(f"/handed/{issue}").text
    listed = plain(client.get("/handed").text)
    assert "派过本单位、已撤回或转办 1 件" in listed
    assert "已处置 1 件" not in listed
    assert "目前没有派发给您单位的事件" in listed
    other = sign_in(quiet_app, "second甲")
    page = plain(other.get(f"/handed/{issue}").text)
    assert "换了灯泡" in page
    assert "已不由本单位办理" not in page
    assert "已处置 1 件" in plain(other.get("/handed").text)


def test_what_a_unit_did_stays_visible_to_it_after_others_went_on(
    quiet_town: Town, quiet_app: Flask
) -> None:
    unit = add_unit(quiet_town, "修过的局")
    act_for(quiet_town, "mender", "department", unit)
    issue = dispatched(quiet_town, unit, title="护栏松动")
    step(quiet_town, "mender", issue, "take", text="去看看")
    step(quiet_town, "mender", issue, "resolve", result="solved", text="拧紧了螺丝")
    step(quiet_town, "community", issue, "rework", text="又松了")
    step(quiet_town, "community", issue, "recall", text="我们自己修")
    assert quiet_town.here.worker is not None
    step(quiet_town, "community", issue, "handle", assignee_id=quiet_town.here.worker.user_id,
         text="请网格员看住")  # fmt: skip
    page = plain(sign_in(quiet_app, "mender").get(f"/handed/{issue}").text)
    for words in ("拧紧了螺丝", "又松了", "我们自己修", "已不由本单位办理"):
        assert words in page
    assert "请网格员看住" not in page


def test_a_recalled_issue_is_no_work_of_the_unit_and_it_can_be_ended(
    quiet_town: Town, quiet_app: Flask
) -> None:
    issue, first, second = recalled(quiet_town, "乙")
    client = sign_in(quiet_app, "district")
    page = client.get("/units").text
    links = re.findall(r'href="(/issues\?tab=open[^"]*)">(\d+)</a>', page)
    assert [
        unescape(link).split("unit=")[1] for link, _ in links if first in link or second in link
    ] == [second]
    assert f"unit={second}" in client.get(f"/units/{second}").text
    assert post(client, f"/units/{second}/end", reason="机构改革").status_code == 422
    assert post(client, f"/units/{first}/end", reason="机构改革").status_code == 303
    figures = client.get(f"/statistics/units?{PERIOD}").text
    assert of_unit(figures, "先派乙局") == ""
    assert of_unit(figures, "后派乙局").startswith("后派乙局 部门 1 1 0 100.0% 100.0%")
    assert "撤回派发、退单或转给别处的不计入原单位" in figures
    links = re.findall(r'href="(/issues\?[^"]*unit=[^"]*)">(\d+)</a>', figures)
    assert any(second in link for link, _ in links)
    for link, count in links:
        assert f"共 {count} 件" in client.get(unescape(link)).text, link
    assert issue in client.get(f"/issues?tab=all&unit={second}").text


def test_a_called_unit_has_work_until_it_reports_in(quiet_town: Town, quiet_app: Flask) -> None:
    unit = add_unit(quiet_town, "被叫的局")
    act_for(quiet_town, "called", "department", unit)
    client = sign_in(quiet_app, "district")
    issue = report(quiet_town, title="楼道堆物")
    step(quiet_town, "community", issue, "handle", text="社区先办")
    step(quiet_town, "community", issue, "escalate", level="3", text="请街道协调")
    step(quiet_town, "street", issue, "handle", text="街道来办")
    step(quiet_town, "street", issue, "whistle", text="请到场",
         calls={"add": {unit: {"due_at": "2026-09-30T18:00:00.000000+08:00"}}})  # fmt: skip
    page = client.get(f"/units/{unit}").text
    assert "另吹哨未报到 1" in plain(page)
    (link,) = re.findall(r'href="(/issues\?[^"]*called=[^"]*)"', page)
    listed = client.get(unescape(link)).text
    assert "共 1 件" in listed
    assert "吹哨叫了“被叫的局”、还没有报到的" in listed
    assert post(client, f"/units/{unit}/end", reason="机构改革").status_code == 422
    step(quiet_town, "called", issue, "report_in", text="到了")
    assert "另吹哨未报到" not in client.get(f"/units/{unit}").text
    page = plain(sign_in(quiet_app, "called").get(f"/handed/{issue}").text)
    assert "已不由本单位办理" not in page
