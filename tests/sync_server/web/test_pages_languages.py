"""Both languages on every page: nothing untranslated, no Chinese on English pages but data."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path

import sqlalchemy as sa
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import Flask

import sync_server
from schemas.catalogue import KINDS, kinds
from sync_server.store.tables import batches, changes, devices, districts, records, users
from sync_server.web.i18n import COOKIE
from tests.sync_server.web.campaign_pages import campaign_in
from tests.sync_server.web.pairs import alike_in, undone_in
from tests.sync_server.web.privacy_pages import request_in
from tests.sync_server.web.register_pages import STATISTICS
from tests.sync_server.web.retention_pages import run_in
from tests.sync_server.web.staff import (
    COMMUNITY,
    GRID,
    Town,
    household_of,
    post,
    refused_of,
    sign_in,
)
from tests.sync_server.web.test_pages_access import unit_in

APP = Path(sync_server.__file__).parent
ENGLISH = APP / "translations/en/LC_MESSAGES/messages.po"
CHINESE = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]")
COUNTED = re.compile(r"%\(\w+\)s (?!is\b|was\b|as\b|times\b|person-times\b)[a-z-]+s\b")
NEVER_ONE = {"hours", "days", "months", "characters"}
"""What only limits are counted in that are never one."""
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "later": None}


def catalogue() -> Catalog:
    return read_po(BytesIO(ENGLISH.read_bytes()), locale="en")


def asked_for() -> set[object]:
    """Return every message the code and the templates ask for."""
    with (APP / "babel.cfg").open(encoding="utf-8") as config:
        methods, options = parse_mapping_cfg(config)
    found = extract_from_dir(APP, methods, options, KEYWORDS)
    return {tuple(message) if isinstance(message, list) else message for _, _, message, *_ in found}


def test_every_message_stands_in_the_english_catalogue_and_no_other() -> None:
    known = {message.id for message in catalogue() if message.id}
    assert asked_for() == known


def test_every_english_text_is_there_and_is_english() -> None:
    for message in catalogue():
        if not message.id:
            continue
        texts = message.string if isinstance(message.string, tuple) else (message.string,)
        assert not message.fuzzy
        for text in texts:
            assert text, message.id
            assert not CHINESE.search(text), text
        places = re.findall(r"%\(\w+\)[sd]", str(message.id))
        assert set(re.findall(r"%\(\w+\)[sd]", str(texts))) == set(places), message.id


def test_a_number_that_may_be_one_stands_before_no_plural() -> None:
    plain = [message.string for message in catalogue() if isinstance(message.string, str)]
    found = {match[0].split()[1] for text in plain for match in COUNTED.finditer(text)}
    assert found <= NEVER_ONE


def test_the_compiled_catalogue_is_the_written_one() -> None:
    compiled = BytesIO()
    write_mo(compiled, catalogue())
    assert ENGLISH.with_suffix(".mo").read_bytes() == compiled.getvalue()


def addresses(town: Town) -> list[str]:
    """Every page somebody of the district can look at."""
    found = ["/", "/uploads", "/uploads?day=x", f"/uploads/{town.here.batch_id}", "/devices",
             "/accounts?show=all", f"/accounts/{town.here.laptop.device_id}",
             "/waiting/quarantined", "/waiting/held", "/conflicts", "/conflicts?state=decided",
             "/times", "/waiting/quarantined?desk=returned", "/waiting/held?long=1",
             f"/conflicts/{town.here.ids['household']}",
             f"/waiting/quarantined/{refused_of(town.here)['change_id']}",
             f"/devices/{town.here.laptop.device_id}", "/devices?silent=1", "/join-codes", "/relay",
             "/notices", "/notices/new", "/people", "/audit", "/nowhere", "/password",
             f"/people/{town.here.worker.user_id}/account",
             f"/people/{town.people['street'].user_id}/account",
             "/units", "/units?state=ended", "/units/new", f"/units/{unit_in(town.centre)}",
             f"/units/{unit_in(town.centre)}/change",
             "/calendar?year=2026", "/calendar?year=2099", "/calendar/2026-10-01", "/limits",
             "/statistics", *STATISTICS, "/statistics/compounds", "/areas", "/areas?state=all",
             f"/areas/{GRID}", f"/areas/{COMMUNITY}",
             f"/areas/{GRID}/change", f"/areas/{GRID}/split", f"/areas/{GRID}/merge",
             f"/areas/{GRID}/add", f"/areas/{COMMUNITY}/add", "/quality", "/quality/small",
             "/quality/guardian", "/quality/unused", "/quality/consent_care", "/purposes",
             "/code-lists", f"/areas/{GRID}/card", f"/areas/{COMMUNITY}/card",
             f"/compounds/{town.here.ids['compound']}/file",
             f"/households/{town.here.ids['household']}/file",
             "/issues?tab=all", "/issues/overtaken", "/issues/overtaken?state=settled",
             f"/issues/{town.here.ids['issue']}", f"/issues/{town.here.ids['issue']}/file",
             "/records/resident?q=x&since=y"]  # fmt: skip
    found += [f"/records/{kind.info.name}?state=all" for kind in kinds()]
    found += [f"/records/{name}/{one}" for name, one in town.here.ids.items() if name in KINDS]
    found += ["/retention", f"/retention/{run_in(town.here, 'proposed')}"]
    found += ["/duplicates", "/duplicates?kind=resident", "/merges", alike_in(town.here)]
    asked = [f"/privacy/{request_in(town.here, one)}" for one in ("access", "correct", "erase")]
    found += ["/privacy", "/privacy?state=all", "/privacy/new", "/privacy/find?q=lsl", *asked,
              f"{asked[1]}?field=sex", f"{asked[2]}/stop"]  # fmt: skip
    campaign = f"/campaigns/{campaign_in(town.here)}"
    found += ["/campaigns", "/campaigns/results", campaign, f"{campaign}/results/new",
              f"{campaign}/results/wires", f"{campaign}/change", "/opinions",
              "/coverage?of=member&show=all"]  # fmt: skip
    several = ("", "/field", "/field/households", "/day", "/registers", "/units", "/timeliness")
    found += [f"/statistics{one}?area={GRID}" for one in several]
    return [*found, undone_in(town.here)]


DISTRICTS = (
    "/issues/new", "/areas/team",
    "/calendar/2026-10-10", "/working-hours", "/limits", "/limits/rule?clock=handle&level=2",
    "/limits/new", "/purposes/change", "/code-lists/SHOP_KIND", "/code-lists/ISSUE_CAT",
)  # fmt: skip
"""Pages as the district's staff alone have them."""


def data_of(town: Town) -> set[str]:
    """Return every text with Chinese in it that is data, not words of the program."""
    found: set[str] = set()
    with town.centre.store.reading() as connection:
        for table in (records, changes, users, devices, districts, batches):
            for row in connection.execute(sa.select(table)).mappings():
                for value in row.values():
                    found |= set(re.findall(r"[^\"\[\]{},:']+", str(value)))
    return {text.strip() for text in found if CHINESE.search(text)}


def test_english_pages_hold_no_chinese_but_data(quiet_town: Town, quiet_app: Flask) -> None:
    client, stranger = sign_in(quiet_app, "admin", "en"), quiet_app.test_client()
    stranger.set_cookie(COOKIE, "en")
    pages = [(address, client.get(address).text) for address in addresses(quiet_town)]
    district = sign_in(quiet_app, "district", "en")
    pages += [(address, district.get(address).text) for address in DISTRICTS]
    wrong = (("/calendar/2026-10-10", {}), ("/working-hours", {}), ("/limits/new", {}),
             ("/limits/rule?clock=handle", {"amount": "x"}))  # fmt: skip
    pages += [(address, post(district, address, **form).text) for address, form in wrong]
    pages += [
        ("unmask", post(client, f"{household_of(quiet_town.here)}/unmask", reason="").text),
        ("join", post(client, f"/join-codes/{quiet_town.here.worker.user_id}").text),
        ("notice", post(client, "/notices/new", record_id=quiet_town.here.batch_id).text),
        ("unit", post(client, "/units/new", record_id=quiet_town.here.batch_id).text),
        ("end", post(client, f"/units/{unit_in(quiet_town.centre)}/end", reason="").text),
        ("privacy", post(client, "/privacy/new", request_id=quiet_town.here.batch_id).text),
        ("extract", post(client, f"/privacy/{request_in(quiet_town.here, 'access')}/extract").text),
        ("sign in", stranger.get("/sign-in").text),
    ]
    data = sorted(data_of(quiet_town), key=len, reverse=True)
    for address, page in pages:
        for text in data:
            page = page.replace(text, "").replace(text[0] + "*" * (len(text) - 1), "")
        page = page.replace("中文", "").replace("\u3000", "")
        found = CHINESE.search(page)
        assert not found, (address, page[max(0, found.start() - 80) : found.end() + 40])


def test_every_page_renders_in_chinese(quiet_town: Town, quiet_app: Flask) -> None:
    client, district = sign_in(quiet_app, "admin"), sign_in(quiet_app, "district")
    asked = [(client, address) for address in addresses(quiet_town)]
    for asking, address in [*asked, *((district, address) for address in DISTRICTS)]:
        answer = asking.get(address)
        assert answer.status_code == (404 if address == "/nowhere" else 200), address
        assert '<html lang="zh-CN">' in answer.text
        assert answer.text.count("<h1>") == 1, address
        assert answer.text.count("<main ") == 1


def test_every_control_has_a_label(quiet_town: Town, quiet_app: Flask) -> None:
    client, district = sign_in(quiet_app, "admin"), sign_in(quiet_app, "district")
    asked = [(client, one) for one in (*addresses(quiet_town), household_of(quiet_town.here))]
    for asking, address in [*asked, *((district, address) for address in DISTRICTS)]:
        page = asking.get(address).text
        labelled = set(re.findall(r'<label[^>]* for="([^"]+)"', page))
        for control in re.findall(r"<(?:input|select|textarea)\b[^>]*>", page):
            if 'type="hidden"' in control:
                continue
            found = re.search(r' id="([^"]+)"', control)
            assert found, (address, control)
            assert found[1] in labelled, (address, control)
