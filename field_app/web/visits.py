"""走访: find the door, fill in what was found, change what changed, report what must be."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from markupsafe import Markup
from werkzeug.wrappers import Response

from field_app.services import knock, service_requests, visits
from field_app.services.care_alarms import Alarm, open_alarms
from field_app.services.care_help import HELP
from field_app.services.choices import names
from field_app.services.drafts import MAIN, Draft, DraftGone, Finished, Typed
from field_app.services.find import find_doors, warm
from field_app.services.record_forms import html_id
from field_app.services.records import get_view
from field_app.services.today import care_due
from field_app.services.visit_target import target_of
from field_app.services.workspace import Workspace
from field_app.web.drafts import Goto, page_of
from field_app.web.session import workspace
from field_app.web.widgets import FormPage
from schemas.care_contact import NOT_MET
from schemas.codes import code_list

pages = Blueprint("visits", __name__)

FIRST = ("result", "purposes", "mode", "visited_at", "met")
"""What every visit is asked first."""
BEHIND_THE_DOOR = ("opinions", "safety", "materials", "rating", "confirm")
"""What is folded away until there is something to say."""


@pages.get("/visits")
def index() -> str:
    """Find a door, see who is due, and the worker's visits."""
    ws = workspace()
    query = request.args.get("q", "")
    warm(ws)
    return render_template(
        "visits.html",
        query=query,
        found=find_doors(ws, query),
        care=care_due(ws),
        risks=code_list("CARE_RISK"),
        results=code_list("VISIT_RESULT"),
        mine=visits.my_visits(ws),
        campaigns=knock.running(ws),
        name_of=names(ws),
    )


@pages.post("/visits/start")
def start() -> Response:
    """Begin a visit to a household or a shop."""
    form = request.form
    try:
        draft_id = visits.start_visit(
            workspace(),
            household_id=form.get("household_id"),
            shop_id=form.get("shop_id"),
            result=form.get("result"),
            purpose=form.get("purpose"),
            campaign_id=form.get("campaign_id"),
        )
    except DraftGone:
        abort(404)
    return redirect(url_for(".fill_in", draft_id=draft_id))


@pages.route("/visits/draft/<draft_id>", methods=["GET", "POST"])
def fill_in(draft_id: str) -> Any:
    """The form of a visit."""
    return page_of(draft_id, "visit", _form, _save, acts=ACTS, after=_after, urgent=alarm_page)


def _save(ws: Workspace, draft_id: str, typed: Typed) -> Finished:
    finished = visits.finish_visit(ws, draft_id, typed)
    tell_follow_ups(finished)
    return finished


def tell_follow_ups(finished: Finished) -> None:
    """Say what saving a visit, or its correction, has opened by itself."""
    if finished.saved and any(prefix.startswith(HELP) for prefix in finished.results):
        flash(_("关怀对象需要帮助：已登记服务单，下次同步时报到社区。"))
    if finished.saved and any(prefix.startswith(visits.ALARM) for prefix in finished.results):
        _tell_alarm()


def tell_alarms(raised: Collection[str]) -> str | None:
    """Say that alarms were raised, if any were, and return the page that says whom to call about
    the issues ``raised``."""
    if raised:
        _tell_alarm()
    return _page_of(raised)


def alarm_page(draft: Draft) -> str | None:
    """Return the page that says whom to call, None when saving the draft raised no alarm."""
    became = draft["became"].items()
    return _page_of([one for prefix, (_kind, one) in became if prefix.startswith(visits.ALARM)])


def tell_left_open(alarms: Collection[Alarm]) -> None:
    """Say what becomes of these alarms now that a visit calls for them no more."""
    for one in alarms:
        words = _(
            "%(name)s的紧急事件仍未办结，不随走访的更正或作废撤销，要等处置办结。"
            "如是误报，请到事件里作废；已受理、不能作废的，请加说明。",
            name=one.name,
        )
        link = url_for("issues.show", record_id=one.issue_id)
        shown = Markup('{} <a class="alert-link" href="{}">{}</a>')
        flash(shown.format(words, link, _("查看事件")), "warning")


def _tell_alarm() -> None:
    flash(_("关怀对象连续两次未见到：已自动上报紧急事件，请立即联系紧急联系人。"), "error")


def _page_of(issue_ids: Collection[str]) -> str | None:
    """Return the page of these alarms: that of the visit the latest is raised under, which is told
    of the others."""
    held = open_alarms(workspace()) if issue_ids else []
    found = [one for one in held if one.issue_id in issue_ids]
    if not found:
        return None
    visit_id = found[0].visit_id
    others = [one.issue_id for one in found if one.visit_id != visit_id]
    return url_for("visits.alarm", record_id=visit_id, issue=others)


def _after(draft: Draft) -> str:
    # Doors come one after the other: the next thing to do is finding the next one.
    ws = workspace()
    visit = get_view(ws, "visit", draft["became"][MAIN][1])
    campaign_id = visit["fields"].get("campaign_id") if visit else None
    if visit is None or not campaign_id:
        return url_for(".index")
    building = knock.building_of(ws, visit["fields"].get("household_id") or "")
    return url_for("knock.doors", record_id=campaign_id, building=building) + "#doors"


@pages.get("/visits/<record_id>/alarm")
def alarm(record_id: str) -> str:
    """Say whom to call after somebody was missed twice in a row, for the last time by this visit,
    or as the issues named in the address say."""
    others = request.args.getlist("issue")
    held = open_alarms(workspace())
    found = [one for one in held if one.visit_id == record_id or one.issue_id in others]
    if not any(one.visit_id == record_id for one in found):
        abort(404)
    return render_template("visit_alarm.html", alarms=found)


def _form(page: FormPage) -> str:
    ws = workspace()
    part = page.main.part
    target = target_of(ws, part["fixed"])
    result = (part["texts"].get("result") or [""])[0]
    title = names(ws)(target.kind, target.record_id) if target else ""
    return render_template(
        "visit_form.html",
        page=page,
        target=target,
        title=title or "",
        first=page.main.pick(*FIRST),
        behind=page.main.pick(*BEHIND_THE_DOOR),
        closing=page.main.pick("notice_given"),
        not_met=result in NOT_MET,
        campaign=knock.campaign(ws, part["fixed"].get("campaign_id", "")),
        running=knock.running(ws) if target and target.kind == "household" else [],
        plan=knock.plan_words(ws, part["fixed"].get("campaign_id", "")),
        opinion_cats=code_list("OPINION_CAT"),
        issue=page.papers.get(visits.ISSUE),
        service=page.papers.get(service_requests.SERVICE),
        takes_on=any(service_requests.step_part(prefix) for prefix in page.papers),
        changes=[paper for prefix, paper in page.papers.items()
                 if prefix not in (MAIN, visits.ISSUE, service_requests.SERVICE)
                 and not prefix.startswith((visits.ALARM, HELP))
                 and not service_requests.step_part(prefix)],
        risks=visits.at_risk(ws, page.draft),
        results=code_list("VISIT_RESULT"),
        name_of=names(ws),
    )  # fmt: skip


def _count_for(ws: Workspace, draft_id: str, typed: Typed, campaign_id: str) -> Goto:
    visits.count_for(ws, draft_id, typed, campaign_id)
    return Goto(anchor=html_id("form"))


def _as_planned(ws: Workspace, draft_id: str, typed: Typed, about: str) -> Goto:
    visits.hand_out_as_planned(ws, draft_id, typed)
    return Goto(anchor=html_id("materials"))


def _add_issue(ws: Workspace, draft_id: str, typed: Typed, about: str) -> Goto:
    visits.add_issue(ws, draft_id, typed)
    return Goto(anchor=html_id(f"{visits.ISSUE}form"))


def _add_service(ws: Workspace, draft_id: str, typed: Typed, about: str) -> Goto:
    visits.add_service(ws, draft_id, typed, take=about != "hand_over")
    return Goto(anchor=html_id(f"{service_requests.SERVICE}form"))


def _change_household(ws: Workspace, draft_id: str, typed: Typed, about: str) -> Goto:
    visits.change_household(ws, draft_id, typed)
    return Goto(anchor=html_id(f"{visits.HOUSEHOLD}form"))


def _add_resident(ws: Workspace, draft_id: str, typed: Typed, about: str) -> Goto:
    draft = visits.add_resident(ws, draft_id, typed)
    return Goto(anchor=html_id(f"{next(reversed(draft['parts']))}form"))


def _move_out(ws: Workspace, draft_id: str, typed: Typed, resident_id: str) -> Goto:
    visits.move_out(ws, draft_id, typed, resident_id)
    return Goto(anchor=html_id(f"{visits.MOVED}{resident_id}:form"))


def _take_back(ws: Workspace, draft_id: str, typed: Typed, prefix: str) -> Goto:
    visits.take_back(ws, draft_id, typed, prefix)
    return Goto(anchor="changes")


ACTS = {
    "campaign": _count_for,
    "as_planned": _as_planned,
    "issue": _add_issue,
    "service": _add_service,
    "household": _change_household,
    "resident": _add_resident,
    "moved": _move_out,
    "take_back": _take_back,
}
