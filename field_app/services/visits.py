"""A visit to a household or a shop: last values carried on, people in care, what changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from field_app.domain.typed import values_of
from field_app.services import knock
from field_app.services.care_alarms import Call, Made, called_for, contact_words, missed_before
from field_app.services.care_help import open_requests
from field_app.services.drafts import (
    MAIN,
    Draft,
    DraftGone,
    Finished,
    Part,
    Typed,
    alter,
    edit_part,
    new_part,
    open_draft,
)
from field_app.services.households import moves_without_a_day, new_resident
from field_app.services.likely import finish_checked
from field_app.services.overview import newest
from field_app.services.patrols import SHORT_ISSUE, SHOWN
from field_app.services.records import Entry, get_view, new_id
from field_app.services.service_requests import (
    SERVICE,
    SHORT,
    TAKEN,
    add_steps,
    of_household,
    step_part,
)
from field_app.services.visit_answers import (
    OF_A_MEETING,
    carried,
    leave_out_meeting,
    states_missing,
)
from field_app.services.visit_target import place_of, target_of
from field_app.services.workspace import Workspace
from schemas.care_contact import NOT_MET, alarm_fields, missed
from schemas.catalogue import kind_of
from schemas.check import FieldProblem
from schemas.clock import read_moment, written

ISSUE, HOUSEHOLD = "issue:", "household:"
"""Prefixes of the issue raised on a visit and of the household's own changes."""
ALARM = "alarm-"
"""Beginning of the prefixes of the issues that saving itself raises."""
RESIDENT, MOVED = "resident-", "moved-"
"""Beginnings of the prefixes of new members and of members who moved out."""
EASY_HOUSEHOLD = ["phone", "size", "kind", "remarks"]
MOVE_OUT = ["moved_out_at", "move_reason"]
NEW_RESIDENT = [
    "name", "sex", "birth", "relation", "reside", "phone", "id_no", "guardian", "notice_version",
    "notice_at", "basis",
]  # fmt: skip


def start_visit(
    ws: Workspace,
    *,
    household_id: str | None = None,
    shop_id: str | None = None,
    result: str | None = None,
    purpose: str | None = None,
    campaign_id: str | None = None,
) -> str:
    """Open the draft of a visit that happens now and return its id.

    What the last visit that met somebody there said is carried on for the fields declared so; with
    ``result`` (nobody at home) the rest is filled in as far as it can be; with ``campaign_id`` it
    counts for that knock campaign, whose leaflets are filled in as planned where somebody was met.
    Raises DraftGone for an unknown door or campaign.
    """
    aim = {"household_id": household_id, "shop_id": shop_id}
    where = {name: value for name, value in aim.items() if value}
    target = target_of(ws, where)
    if target is None:
        raise DraftGone(household_id or shop_id or "")
    if campaign_id and knock.campaign(ws, campaign_id) is None:
        raise DraftGone(campaign_id)
    values = carried(target) | {"visited_at": written(ws.now().replace(second=0, microsecond=0))}
    if campaign_id:
        values["purposes"] = ["knock"]
    elif purpose:
        values["purposes"] = [purpose]
    elif result or "purposes" not in values:
        values["purposes"] = ["care"] if target.in_care else ["daily"]
    if result:
        values |= {"result": result, "mode": "door"}
    if result in NOT_MET:
        values["notice_given"] = False
        values.pop("met", None)
    elif result and campaign_id and (planned := knock.plan_of(ws, campaign_id)):
        values["materials"] = planned
    fixed = where | ({"campaign_id": campaign_id} if campaign_id else {})
    part = new_part("visit", values=values, fixed=fixed, grid=target.view["grid"])
    part["last"] = dict(target.last["fields"]) if target.last else {}
    part["prefilled"] = {name: texts for name in OF_A_MEETING
                         if (texts := part["texts"].get(name))}  # fmt: skip
    return open_draft(ws, "visit", {MAIN: part})


def count_for(ws: Workspace, draft_id: str, typed: Typed, campaign_id: str) -> Draft:
    """Let the visit count for a knock campaign, for none when ``campaign_id`` is empty.

    Raises as `drafts.keep`, and DraftGone for a campaign this laptop does not hold.
    """
    if campaign_id and knock.campaign(ws, campaign_id) is None:
        raise DraftGone(campaign_id)

    def link(draft: Draft) -> None:
        main = draft["parts"][MAIN]
        main["fixed"].pop("campaign_id", None)
        for name in [one for one in main["texts"] if one.startswith("answers.")]:
            del main["texts"][name]  # answers to another campaign's questions
        purposes = [one for one in main["texts"].get("purposes", []) if one not in ("", "knock")]
        if campaign_id:
            main["fixed"]["campaign_id"] = campaign_id
            purposes.append("knock")
        main["texts"]["purposes"] = ["", *purposes]

    return alter(ws, draft_id, typed, link)


def hand_out_as_planned(ws: Workspace, draft_id: str, typed: Typed) -> Draft:
    """Fill in the leaflets the visit's campaign plans for each household; raises as
    `drafts.keep`."""

    def fill(draft: Draft) -> None:
        main = draft["parts"][MAIN]
        for material, one in knock.plan_of(ws, main["fixed"].get("campaign_id", "")).items():
            main["texts"][f"materials.{material}.qty"] = [str(one["qty"])]

    return alter(ws, draft_id, typed, fill)


def add_issue(ws: Workspace, draft_id: str, typed: Typed) -> Draft:
    """Put an issue into the visit's draft; raises as `drafts.keep`."""

    def add(draft: Draft) -> None:
        if ISSUE in draft["parts"]:
            return
        main = draft["parts"][MAIN]
        target = target_of(ws, main["fixed"])
        values = {
            "urgency": "normal",
            "happened_at": values_of(kind_of("visit"), main["texts"]).get("visited_at"),
            "text": _first(main, "findings"),
            **(place_of(ws, target) if target else {}),
        }
        draft["parts"][ISSUE] = new_part(
            "issue",
            values={name: value for name, value in values.items() if value},
            fixed={"source": "visit"},
            grid=main["grid"],
            only=SHORT_ISSUE,
        )

    return alter(ws, draft_id, typed, add)


def add_service(
    ws: Workspace,
    draft_id: str,
    typed: Typed,
    *,
    take: bool = True,
    values: Mapping[str, Any] | None = None,
) -> Draft:
    """Put a service request into the visit's draft, to be taken on by the worker (``take``) or
    handed to the community; raises as `drafts.keep`."""

    def add(draft: Draft) -> None:
        put_service(ws, draft, take=take, values=values)

    return alter(ws, draft_id, typed, add)


def put_service(
    ws: Workspace, draft: Draft, *, take: bool = True, values: Mapping[str, Any] | None = None
) -> None:
    """Put a service request into a visit's draft unless there is one already."""
    if SERVICE in draft["parts"]:
        return
    main = draft["parts"][MAIN]
    target = target_of(ws, main["fixed"])
    begin: dict[str, Any] = {"kind": "proxy", "words": _first(main, "findings")}
    fixed = {"channel": "door", "visit_id": main["record_id"]}
    if target is not None and target.kind == "household":
        begin |= of_household(ws, target.view)
        fixed["household_id"] = target.record_id
    elif target is not None:
        shop = target.view["fields"]
        begin |= {"applicant": shop.get("keeper"), "phone": shop.get("phone")}
    if met := _first(main, "met"):
        begin["applicant"] = met
    draft["parts"][SERVICE] = new_part(
        "service",
        values={name: value for name, value in {**begin, **(values or {})}.items() if value},
        fixed=fixed,
        grid=main["grid"],
        only=SHORT,
    )
    add_steps(ws, draft, SERVICE, TAKEN if take else ())


def change_household(ws: Workspace, draft_id: str, typed: Typed) -> Draft:
    """Open the household's own facts (phone, size …) beside the visit; raises as `drafts.keep`."""

    def add(draft: Draft) -> None:
        household = draft["parts"][MAIN]["fixed"].get("household_id")
        if household and HOUSEHOLD not in draft["parts"]:
            part = edit_part(ws, "household", household, only=EASY_HOUSEHOLD)
            draft["parts"][HOUSEHOLD] = part

    return alter(ws, draft_id, typed, add)


def add_resident(ws: Workspace, draft_id: str, typed: Typed) -> Draft:
    """Open the form of a new member (a tenant, a child) beside the visit; raises as `keep`."""

    def add(draft: Draft) -> None:
        main = draft["parts"][MAIN]
        household = main["fixed"].get("household_id")
        if not household:
            return
        record_id = new_id()
        start = new_resident(ws, household, written(ws.now().replace(second=0, microsecond=0)))
        draft["parts"][f"{RESIDENT}{record_id}:"] = new_part(
            "resident",
            record_id,
            values=start,
            fixed={"household_id": household},
            grid=main["grid"],
            only=NEW_RESIDENT,
        )

    return alter(ws, draft_id, typed, add)


def move_out(ws: Workspace, draft_id: str, typed: Typed, resident_id: str) -> Draft:
    """Open "moved out" of a member beside the visit; raises as `drafts.keep`."""

    def add(draft: Draft) -> None:
        prefix = f"{MOVED}{resident_id}:"
        resident = get_view(ws, "resident", resident_id)
        household = draft["parts"][MAIN]["fixed"].get("household_id")
        if prefix in draft["parts"] or resident is None:
            return
        if resident["fields"].get("household_id") != household:
            raise DraftGone(resident_id)
        draft["parts"][prefix] = edit_part(ws, "resident", resident_id, only=MOVE_OUT)
        day = _first(draft["parts"][MAIN], "visited_at")[:10]
        draft["parts"][prefix]["texts"].setdefault("moved_out_at", [day])

    return alter(ws, draft_id, typed, add)


def take_back(ws: Workspace, draft_id: str, typed: Typed, prefix: str) -> Draft:
    """Take one of the parts beside the visit out again; raises as `drafts.keep`."""

    def drop(draft: Draft) -> None:
        if prefix:
            draft["parts"].pop(prefix, None)
        if prefix == SERVICE:
            for step in [one for one in draft["parts"] if step_part(one)]:
                del draft["parts"][step]

    return alter(ws, draft_id, typed, drop)


def finish_visit(ws: Workspace, draft_id: str, typed: Typed) -> Finished:
    """Save the visit with its issue, its request and the household's changes in one commit, and
    with what its care checks ask for: an urgent issue for each person missed for the second time in
    a row, a request for each in need of help.

    Raises as `drafts.keep`.
    """

    def link(draft: Draft) -> None:
        parts = draft["parts"]
        main = parts[MAIN]
        leave_out_meeting(main)
        main["fixed"].pop("issue_ids", None)
        found = [parts[ISSUE]["record_id"]] if ISSUE in parts else []
        if raised := found + _raise_alarms(ws, draft):
            main["fixed"]["issue_ids"] = raised
        main["fixed"].pop("service_ids", None)
        requests = open_requests(ws, draft, _made(ws, draft).fields)
        if (service := parts.get(SERVICE)) is not None:
            requests.insert(0, service["record_id"])
            visited = values_of(kind_of("visit"), main["texts"]).get("visited_at")
            service["fixed"]["requested_at"] = visited or written(ws.now())
            for prefix, step in parts.items():
                if step_part(prefix):
                    step["fixed"]["at"] = written(ws.now())
        if requests:
            main["fixed"]["service_ids"] = requests

    def judge(draft: Draft) -> dict[str, list[FieldProblem]]:
        target = target_of(ws, draft["parts"][MAIN]["fixed"])
        missing = {MAIN: states_missing(ws, target, _made(ws, draft).fields)}
        return missing | moves_without_a_day(draft)

    return finish_checked(ws, draft_id, typed, prepare=link, judge=judge)


def states_left_open(ws: Workspace, draft: Draft) -> list[FieldProblem]:
    """Return a problem for each person in care whose state the correction of a visit leaves open
    where the visit asked for none before: it met nobody, went to another door, or said how they
    were."""
    main = draft["parts"][MAIN]
    if (main["kind"], main["action"]) != ("visit", "update"):
        return []
    said, before = _made(ws, draft).fields, main["base"]
    known = states_missing(ws, target_of(ws, before), before)
    return [one for one in states_missing(ws, target_of(ws, said), said) if one not in known]


def follow_correction(ws: Workspace, draft: Draft) -> None:
    """Put into the draft of a visit's correction what its checks ask for, as `finish_visit` does:
    for who was not missed, or not in need of help, before it, and for who was reached by it and is
    no longer. What the visit named stays named."""
    main = draft["parts"][MAIN]
    for name in ("issue_ids", "service_ids"):
        main["fixed"].pop(name, None)
    raised = _raise_alarms(ws, draft)
    requests = open_requests(ws, draft, _made(ws, draft).fields)
    held = (get_view(ws, "visit", main["record_id"]) or {"fields": {}})["fields"]
    for name, new in (("issue_ids", raised), ("service_ids", requests)):
        if new:
            named = [*(main["base"].get(name) or ()), *(held.get(name) or ())]
            main["fixed"][name] = list(dict.fromkeys([*named, *new]))


def _raise_alarms(ws: Workspace, draft: Draft) -> list[str]:
    """Put the issues that saving the visit raises into its draft; return the ids of those that are
    its own to name, not the next visit's."""
    parts, main, made = draft["parts"], draft["parts"][MAIN], _made(ws, draft)
    for prefix in [one for one in parts if one.startswith(ALARM)]:  # of a save that was refused
        del parts[prefix]
    own = []
    for call in called_for(ws, made, replace(made, fields=main["base"]) if main["base"] else None):
        entry = alarm_entry(ws, call, main["grid"])
        if entry is None:
            continue
        parts[f"{ALARM}{call.resident_id}:"] = new_part(
            entry.kind, entry.record_id, fixed=entry.values, grid=entry.grid
        )
        if call.visit_id == made.visit_id:
            own.append(call.issue_id)
    return own


def alarm_entry(ws: Workspace, call: Call, grid: str | None) -> Entry | None:
    """Return the issue by which an alarm is raised: where its door lies, else in the ``grid`` of
    the visit; None when the door is not held here, or in no grid of the worker's."""
    target = target_of(ws, call.door)
    if target is None:
        return None
    area = next((one for one in (target.view["grid"], grid) if one in ws.grids), None)
    fields = alarm_fields(call.run, call.at, place_of(ws, target))
    return Entry("issue", "create", fields, call.issue_id, area) if area else None


def _made(ws: Workspace, draft: Draft) -> Made:
    """Return the visit a draft would make, or make of it, as it is typed so far."""
    main, issue = draft["parts"][MAIN], draft["parts"].get(ISSUE)
    category = values_of(kind_of("issue"), issue["texts"]).get("category") if issue else None
    values = {**main["base"], **values_of(kind_of("visit"), main["texts"])}
    said = {name: value for name, value in values.items() if value is not None}
    try:
        read_moment(str(said.get("visited_at")))
    except ValueError:  # not typed to its end: it happens now
        said["visited_at"] = written(ws.now())
    return Made(main["record_id"], said | main["fixed"], category)


@dataclass(frozen=True)
class Risk:
    """Somebody behind the door who was missed the last time; ``now`` tells whether the form says
    so again, which raises an alarm when it is saved."""

    name: str
    last_missed_at: str
    contact: str
    now: bool


def at_risk(ws: Workspace, draft: Draft) -> list[Risk]:
    """Return the people in care about whom one more miss raises an alarm."""
    target, made = target_of(ws, draft["parts"][MAIN]["fixed"]), _made(ws, draft)
    people = {one.view["record_id"]: str(one.fields.get("name") or "") for one in target.in_care} \
        if target else {}  # fmt: skip
    return [
        Risk(
            people[one], written(at), contact_words(ws, one),
            missed(one, made.household_id, made.fields),
        )
        for one, at in missed_before(ws, made, people).items()
    ]  # fmt: skip


def my_visits(ws: Workspace) -> list[Mapping[str, Any]]:
    """Return the worker's latest visits, newest first."""
    me = ws.worker_id
    return list(newest(ws, "visit", "visited_at", SHOWN, lambda view: view["author"] == me))


def _first(part: Part, name: str) -> str:
    found = part["texts"].get(name) or [""]
    return found[0]
