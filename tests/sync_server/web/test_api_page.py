"""docs/PROTOCOL.md says what the code does: codes and their status, outcomes, limits."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from typing import get_args

from marshmallow import validate

from schemas.care_contact import alarm_id
from schemas.exchange import (
    MAX_BODY_BYTES,
    MAX_CHANGES,
    MAX_DEPTH,
    MAX_HELD,
    MAX_TRAIL,
    MAX_WANT,
    JoinSchema,
    Outcome,
    SyncSchema,
)
from schemas.kinds.photo import LONGEST_SIDE, MOST_BYTES
from schemas.service_flow import DUES, OFFLINE_ACTIONS
from sync_server.web.openapi import document
from sync_server.web.problems import STATUS

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "PROTOCOL.md").read_text(encoding="utf-8")
REFUSING = (
    "domain/judging.py", "domain/envelope.py", "services/applying.py", "services/intake.py",
    "services/left_waiting.py",
)  # fmt: skip
"""Where the centre refuses a change as a whole."""


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the first table after a heading."""
    after = PAGE[PAGE.index(heading) :]
    table = re.search(r"\n\|[^\n]*\n\|[-|]+\n((?:\|[^\n]*\n)+)", after)
    assert table
    return [
        [cell.strip() for cell in line.strip("|\n").split("|")] for line in table[1].splitlines()
    ]


def test_every_refusal_has_the_status_the_page_says():
    listed: dict[str, set[int]] = {}
    for statuses, codes, _ in rows("## Refusals"):
        for code in re.findall(r"`(\w+)`", codes):
            listed.setdefault(code, set()).update(map(int, statuses.split(",")))
    for code, statuses in listed.items():
        assert STATUS.get(code, 400) in statuses, code
    quiet = {"database_damaged", "folder_unusable"}  # an operator's, under "…"
    assert set(STATUS) - quiet <= set(listed)


def test_every_outcome_is_described():
    listed = {
        code for row in rows("Every outcome means") for code in re.findall(r"`(\w+)`", row[0])
    }
    assert listed == set(get_args(Outcome))


def test_limits_are_the_codes_own():
    text = " ".join(" ".join(row) for row in rows("## Limits"))
    most = (MAX_DEPTH, MAX_HELD, MAX_TRAIL, MAX_CHANGES, MAX_WANT, MAX_BODY_BYTES)
    for number in most:
        assert f"{number:,}" in text
    lengths = {**SyncSchema().fields, **JoinSchema().fields}
    for name in ("cursor", "server_epoch", "app", "sent_at", "code", "device_name"):
        [length] = [one for one in lengths[name].validators if isinstance(one, validate.Length)]
        row = next(row for row in rows("## Limits") if f"`{name}`" in row[0])
        assert f"{length.max:,}" in row[1], name
        assert length.min is None or str(length.min) in row[1], name
    assert SyncSchema().fields["want"].load_default == 500
    assert f"{MOST_BYTES:,} `bytes` and at most {LONGEST_SIDE:,} pixels" in PAGE


def test_every_reason_to_refuse_a_whole_change_is_listed():
    listed = {
        code
        for row in rows("Those of a change as a whole")
        for code in re.findall(r"`(\w+)`", row[0])
    }
    used = {"record_not_taken"}
    for name in REFUSING:
        source = (ROOT / "sync_server" / name).read_text(encoding="utf-8")
        used |= set(re.findall(r"(?:_refused|problem)\(\"(\w+)\"", source))
    assert len(used) > 8
    assert used <= listed


def test_what_a_second_client_must_know_of_alarms_and_service_steps():
    visit, person = "01a20600-0000-7000-8000-000000000401", "01a20600-0000-7000-8000-000000000402"
    tail = sha256(f"not reached {visit} {person}".encode()).hexdigest()
    assert alarm_id(visit, person) == f"{visit[:19]}{tail[0:4]}-{tail[4:16]}"
    assert "`not reached <visit id> <resident id>`" in PAGE
    service = PAGE[PAGE.index("A **service request**") :]
    service = service[: service.index("\n\n")]
    told = set(re.findall(r"`(\w+)`", service))
    assert set(OFFLINE_ACTIONS) | set(DUES) <= told


def test_the_description_limits_what_an_object_holds_as_such() -> None:
    members = document()["components"]["schemas"]["Exchange"]["properties"]
    for name in ("former", "trails"):
        assert members[name]["maxProperties"] == MAX_CHANGES
        assert "maxLength" not in members[name]
