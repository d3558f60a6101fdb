"""A department or company reaches what was handed to it by its own pages, and nothing else by any.

Every rule of the app is asked for, with the ids of an issue that is not the unit's in every place
of the address, by GET and by POST. A route that is new is asked for too; a converter that is new
has to be named here before the test passes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from schemas.exchange import API
from sync_server.app import app_of
from sync_server.services.centre import open_centre
from sync_server.settings import Settings
from sync_server.store.tables import records
from tests.pictures import picture
from tests.sync_server.web import staff
from tests.sync_server.web.handed import act_for, add_unit, dispatched, report, step
from tests.sync_server.web.photo_hands import bring, take
from tests.sync_server.web.staff import PHONE, Town, sign_in, token
from tests.sync_server.world import DISTRICT, StillClock

SECRETS = ("井盖塌陷", "小孩险些掉下", "东门七号井旁", "反映人甲", PHONE)
"""What the hidden issue says: title, text, place, reporter and his phone."""
OWN = {"handed.everything", "handed.one", "handed.act", "handed.full", "handed.small"}
OPEN = {"static", "home.today_page", "i18n.switch_language", "account.sign_in", "healthz"}
OPEN |= {"readyz", "metrics", "account.password", "account.code", "proving.prove"}
OPEN |= {"second_factor.mine", "second_factor.begin", "second_factor.confirm"}
"""What answers anybody: nothing of it is about records."""
OPEN_API = {"api.openapi", "api.list_kinds", "api.describe_kind", "api.list_codes"}
"""What the API says of itself to anybody: its description and the declarations."""
ENDS_SESSION = "account.sign_out"
TUS = {"Tus-Resumable": "1.0.0"}
CONVERTERS = {"UnicodeConverter", "UUIDConverter", "PathConverter", "IntegerConverter"}
WORDS = (
    {"kind": "issue", "action": "take", "day": "2026-09-30", "filename": "staff.css"},
    {"kind": "photo", "action": "note", "day": "2026-09-30", "filename": "staff.css"},
)
"""What stands in places of an address that take no id."""
UNITS = ("never", "refused", "firm", "nowhere")
"""A department that never had it, one that refused it, a company, somebody without a unit."""


@dataclass
class Hidden:
    """A town with one issue that none of UNITS has, and every id around it."""

    town: Town
    app: Flask
    issue: str = ""
    ids: dict[str, str] = field(default_factory=dict)
    pixels: bytes = b""


@pytest.fixture(scope="module")
def hidden(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hidden]:
    folder: Path = tmp_path_factory.mktemp("isolation")
    settings = Settings(data=folder, district=DISTRICT, sign_ins_per_minute=10_000, testing=True)
    centre = open_centre(settings, StillClock())
    town = staff.build(centre)
    mine, refusing = add_unit(town), add_unit(town, "拒收的局")
    act_for(town, "never", "department", add_unit(town, "无关的局"))
    act_for(town, "refused", "department", refusing)
    act_for(town, "firm", "company", add_unit(town, "无关的物业", "company"))
    act_for(town, "nowhere", "department", None)
    act_for(town, "lead", "department", mine)
    issue = dispatched(
        town, refusing, title="井盖塌陷", text="小孩险些掉下", place="东门七号井旁",
        reporter="反映人甲", reporter_phone=PHONE, compound_id=town.here.ids["compound"],
    )  # fmt: skip
    step(town, "refused", issue, "refuse", refuse="not_ours", text="不归我们管")
    step(town, "community", issue, "dispatch", target_id=mine, text="请城管局办")
    step(town, "lead", issue, "take", text="马上去")
    town.here.ids["hidden"] = issue
    photo = _photo(town)
    found = Hidden(town, app_of(centre), issue)
    with centre.store.reading() as connection:
        steps = connection.execute(
            sa.select(records.c.record_id).where(
                records.c.parent_id == issue, records.c.kind == "issue_step"
            )
        ).scalars()
        found.ids = {f"step{place}": one for place, one in enumerate(steps)}
    assert town.here.laptop is not None
    assert town.here.worker is not None
    found.ids |= {
        **town.here.ids, "issue": issue, "photo": photo, "unit": mine,
        "device": town.here.laptop.device_id, "worker": town.here.worker.user_id,
        "lead": town.people["lead"].user_id, "batch": town.here.batch_id,
    }  # fmt: skip
    found.pixels = sign_in(found.app, "lead").get(f"/handed/{issue}/photos/{photo}/small.jpg").data
    assert found.pixels.startswith(b"\xff\xd8")
    yield found
    centre.store.close()


def _photo(town: Town) -> str:
    """Take a photo of the hidden issue and bring it."""
    ids = town.here.ids
    former, ids["issue"] = ids["issue"], ids["hidden"]
    photo = take(town.here, "issue")
    bring(town.here)
    ids["issue"] = former
    return photo


def addresses(hidden: Hidden, rule: Rule, ids: Collection[str]) -> Iterator[str]:
    """Yield a rule's addresses with each of these ids in every place at once."""
    unknown = {type(one).__name__ for one in rule._converters.values()} - CONVERTERS
    assert not unknown, f"{rule.endpoint}: say here how to fill {unknown}"
    adapter = hidden.app.url_map.bind("localhost")
    found = set()
    for one in ids:
        for words in WORDS:
            values = {name: words.get(name, one) for name in rule.arguments}
            if "photo_id" in values:
                values |= {"photo_id": hidden.ids["photo"]}
            found.add(str(adapter.build(rule.endpoint, values, method=_method(rule))))
    yield from sorted(found)


def _method(rule: Rule) -> str:
    return "GET" if "GET" in (rule.methods or ()) else sorted(rule.methods or {"POST"})[0]


def ask(client: FlaskClient, hidden: Hidden, rule: Rule, address: str, csrf: str):
    """Yield what a rule answers, and what was asked: GET with a search besides (where the address
    leaves open what is looked for, or names the issue), POST with every id as a field."""
    searched = not rule.arguments or hidden.issue in address
    for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
        if method == "GET":
            search = f"?q=井盖&state=all&id={hidden.issue}&device_id={hidden.issue}"
            for query in ("", search) if searched else ("",):
                yield client.get(address + query), address + query
        else:
            form = {"csrf_token": csrf, "reason": "核对电话", "kind": "issue", "text": "想看看"}
            form |= {f"{name}_id": one for name, one in hidden.ids.items()}
            yield client.open(address, method=method, data=form), address + str(form)


@pytest.mark.parametrize("no", UNITS)
def test_no_route_shows_a_unit_an_issue_that_is_not_its_own(hidden: Hidden, no: str) -> None:
    client = sign_in(hidden.app, no)
    csrf, asked, before = token(client), set(), stored(hidden)
    some = ("issue", "photo", "step0", "unit")
    ids = {hidden.ids[name] for name in (hidden.ids if no == "never" else some)}
    rules = [one for one in hidden.app.url_map.iter_rules() if one.endpoint != ENDS_SESSION]
    for rule in rules:
        for address in addresses(hidden, rule, ids):
            for answer, wanted in ask(client, hidden, rule, address, csrf):
                asked.add(rule.endpoint)
                leaks(hidden, wanted, answer)
                told = (rule.endpoint, address, answer.status_code)
                if rule.endpoint in OWN - {"handed.everything"}:
                    assert answer.status_code in (403, 404), told
                elif rule.rule.startswith(API):
                    assert answer.status_code >= 400 or rule.endpoint in OPEN_API, told
                elif rule.endpoint not in OPEN | OWN:
                    assert answer.status_code in (403, 404, 405), told
    assert {rule.endpoint for rule in rules} == asked
    assert client.get("/handed").status_code == 200, "the session lasted through all of it"
    assert stored(hidden) == before


def leaks(hidden: Hidden, wanted: str, answer) -> None:
    """Fail when an answer tells anything of the hidden issue beyond what was asked with."""
    content = answer.get_data()
    assert hidden.pixels not in content, wanted
    assert not content.startswith(b"\xff\xd8"), wanted
    text = content.decode("utf-8", "replace") + str(answer.headers.get("Location", ""))
    for secret in SECRETS:
        assert secret not in text, (wanted, secret)
    for one in hidden.ids.values():
        assert one not in text or one in wanted, (wanted, one)


def stored(hidden: Hidden) -> int:
    """Return how many records there are."""
    with hidden.town.centre.store.reading() as connection:
        count = sa.select(sa.func.count()).select_from(records)
        return int(connection.execute(count).scalar_one())


def test_the_exchange_takes_no_session_of_a_unit(hidden: Hidden) -> None:
    client = sign_in(hidden.app, "never")
    for method, path in (("POST", "sync"), ("GET", "account"), ("POST", "photos")):
        answer = client.open(f"{API}/{path}", method=method, json={}, headers=TUS)
        assert answer.status_code in (401, 403, 404), (path, answer.status_code)
        leaks(hidden, path, answer)


def test_the_unit_that_has_it_sees_what_it_needs_and_nothing_personal(hidden: Hidden) -> None:
    client = sign_in(hidden.app, "lead")
    assert client.get("/").headers["Location"] == "/handed"
    listed = client.get("/handed").text
    assert "井盖塌陷" in listed
    page = client.get(f"/handed/{hidden.issue}").text
    for shown in ("井盖塌陷", "小孩险些掉下", "东门七号井旁", "请城管局办", "马上去"):
        assert shown in page
    people = [one.name for no, one in hidden.town.people.items() if no != "lead"]
    assert hidden.town.here.worker is not None
    for kept in ("反映人甲", PHONE, "不归我们管", "幸福里", hidden.town.here.worker.name, *people,
                 hidden.ids["compound"], "/records/"):  # fmt: skip
        assert kept not in page, kept
    assert f"/handed/{hidden.issue}/photos/{hidden.ids['photo']}/small.jpg" in page
    assert client.get(f"/photos/{hidden.ids['photo']}/full.jpg").status_code == 403


def test_a_photo_of_another_record_does_not_come_through_an_issue_of_ones_own(
    hidden: Hidden,
) -> None:
    other = take(hidden.town.here, "visit")
    client = sign_in(hidden.app, "lead")
    for size in ("full", "small"):
        answer = client.get(f"/handed/{hidden.issue}/photos/{other}/{size}.jpg")
        assert answer.status_code == 404


def unseen(page: str) -> dict[str, str]:
    """Return what a step's form carries unseen."""
    found = {}
    for name in ("step_id", "seen"):
        match = re.search(rf'name="{name}" value="([^"]*)"', page)
        assert match, page
        found[name] = match[1]
    return found


def fill(client: FlaskClient, address: str, **said: Any) -> Any:
    """Open the form of a step, fill it in and send it."""
    page = client.get(address).text
    return client.post(address, data={"csrf_token": token(client), **unseen(page), **said})


def test_a_unit_handles_its_issue_from_taking_it_on_to_the_result(hidden: Hidden) -> None:
    town, client = hidden.town, sign_in(hidden.app, "never")
    unit, issue = str(town.people["never"].unit_id), report(town, title="路灯不亮")
    step(town, "community", issue, "dispatch", target_id=unit, mode="department")
    here = f"/handed/{issue}"
    assert "路灯不亮" in client.get("/handed").text
    assert f"{here}/take" in client.get(here).text
    assert fill(client, f"{here}/take", text="马上去").status_code == 303
    taken = client.get(here).text
    assert f"{here}/take" not in taken
    assert "办理方式</dt><dd>部门交办" in taken
    assert re.findall(r'btn-primary" href="[^"]+">([^<]+)', taken) == ["处置完成"]
    for action, said in (
        ("ask_extend", {"text": "等材料", "due_at": "2026-10-20T18:00"}),
        ("ask_suspend", {"text": "等材料", "until": "2026-10-15"}),
        ("ask_escalate", {"text": "要街道协调"}),
        ("note", {"text": "已到现场"}),
    ):
        assert "<form" in client.get(f"{here}/{action}").text
        assert fill(client, f"{here}/{action}", text="").status_code == 422
        answer = fill(client, f"{here}/{action}", **said)
        assert answer.status_code == 303, (action, answer.text)
    lacking = fill(client, f"{here}/resolve", text="换了灯泡")
    assert lacking.status_code == 422
    assert "换了灯泡" in lacking.text
    after = (BytesIO(picture()), "after.jpg")
    answer = fill(client, f"{here}/resolve", result="solved", text="换了灯泡", photo=after)
    assert answer.status_code == 303
    shown = client.get(here).text
    assert "换了灯泡" in shown
    assert f"{here}/photos/" in shown


def test_a_form_sent_twice_takes_one_step(hidden: Hidden) -> None:
    town, client = hidden.town, sign_in(hidden.app, "never")
    issue = dispatched(town, str(town.people["never"].unit_id), title="井盖松动")
    address = f"/handed/{issue}/note"
    form = {"csrf_token": token(client), "text": "已到现场", **unseen(client.get(address).text)}
    for _ in range(2):
        assert client.post(address, data=dict(form)).status_code == 303
    assert client.get(f"/handed/{issue}").text.count("已到现场") == 1
    assert client.post(address, data={**form, "csrf_token": ""}).status_code == 400


def test_a_refused_issue_is_gone_for_the_unit_at_once(hidden: Hidden) -> None:
    town, client = hidden.town, sign_in(hidden.app, "firm")
    issue = dispatched(town, str(town.people["firm"].unit_id), title="电梯停运")
    assert client.get(f"/handed/{issue}").status_code == 200
    answer = fill(client, f"/handed/{issue}/refuse", refuse="not_ours", text="不属本公司")
    assert answer.headers["Location"] == "/handed"
    assert client.get(f"/handed/{issue}").status_code == 404
    assert "电梯停运" not in client.get("/handed").text


def test_a_whistled_unit_reports_in(hidden: Hidden) -> None:
    town, client = hidden.town, sign_in(hidden.app, "refused")
    unit = str(town.people["refused"].unit_id)
    issue = report(town, title="占道摆摊")
    step(town, "community", issue, "handle")
    step(town, "street", issue, "whistle", text="请到场", calls={"add": {unit: {}}})
    page = client.get("/handed").text
    assert "等待报到 1 件" in page
    assert "请到场" in client.get(f"/handed/{issue}").text
    assert fill(client, f"/handed/{issue}/report_in", text="已到").status_code == 303
    assert "等待报到" not in client.get("/handed").text


def test_english_pages_of_a_unit_hold_their_words(hidden: Hidden) -> None:
    client = sign_in(hidden.app, "lead", "en")
    page = client.get(f"/handed/{hidden.issue}").text
    assert "What was done" in page
    assert "Issues handed to us" in client.get("/handed").text
