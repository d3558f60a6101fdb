"""Acting on an issue from a page: the form of a step, and taking it with its photos.

Whatever goes wrong, the form comes back with what was typed and a sentence that says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas import workflow as flow
from schemas.cases import Case
from schemas.codes import code_list
from schemas.fields.base import UUID
from schemas.forms import GetList
from schemas.guards import failing
from schemas.labels import Label
from sync_server.domain.errors import Refusal
from sync_server.services import issue_duplicates, step_photos
from sync_server.services.accounts import User
from sync_server.services.centre import Centre
from sync_server.services.issues import HANDLERS, actor_of, may_do, open_case
from sync_server.services.step_forms import (
    MOST_PHOTOS,
    Around,
    Option,
    StepForm,
    form_of,
    load_around,
    mark_of,
    said_by,
    typed,
)
from sync_server.services.step_words import words_of_why
from sync_server.services.steps import NewStep, take_steps
from sync_server.store import records_read, writing
from sync_server.store.people_read import names_of

MEANWHILE = Label(
    "您填写时{who}刚办理过“{what}”，还没有办理您的。请看过下面的情况，仍要办理就再提交一次。",
    "While you were writing, {who} took the step “{what}”; yours was not taken. Look at how it "
    "stands now and submit again if you still want to.",
)
KEPT = Label("您填写的内容保留在下面。", "What you wrote is kept below.")
PHOTOS = {
    "not_a_photo": Label(
        "有文件不是照片，或照片已损坏。请选 JPEG、PNG 或 WebP。",
        "A file is no photo, or is damaged. Choose JPEG, PNG or WebP.",
    ),
    "too_large": Label("有照片太大，请选 20 MB 以内的。", "A photo is too large (20 MB)."),
    "too_many": Label(f"最多 {MOST_PHOTOS} 张。", f"At most {MOST_PHOTOS} photos."),
}


def begin_step(
    connection: sa.Connection, person: User, issue_id: str, action: str, now: datetime, lang: str
) -> StepForm:
    """Return the empty form of an action; one that is not possible says why in ``general``.

    Raises Refusal: not_allowed, unknown_record, also for an action that does not exist.
    """
    row, case = open_case(connection, person, issue_id)
    return _form(connection, person, row, case, action, now, lang)


def act(
    centre: Centre,
    person: User,
    issue_id: str,
    action: str,
    getlist: GetList,
    photos: Sequence[bytes],
    now: datetime,
    lang: str,
) -> StepForm | None:
    """Take the posted step; return None when it was taken, else the form with what is wrong.

    The same form sent twice takes one step. Raises Refusal: not_allowed, unknown_record, and what
    disk and database say.
    """
    if person.role not in HANDLERS:
        raise Refusal("not_allowed")
    kept, unfit = _kept(centre, photos)
    with centre.store.writing() as connection:
        writing.lock_district(connection, person.district)
        row, case = open_case(connection, person, issue_id)
        form = typed(_form(connection, person, row, case, action, now, lang), getlist)
        if not UUID.match(form.step_id):
            raise Refusal("bad_request")
        if records_read.get(connection, person.district, form.step_id) is not None:
            return None
        if form.seen != mark_of(case):
            return _overtaken(connection, person, case, form, lang)
        if form.general:
            return form
        around = _around(connection, person, row, action, lang)
        said, form = said_by(form, case, around, now, lang)
        problems = dict(form.problems)
        if unfit and form.has_photos:
            problems["photo"] = PHOTOS[unfit].text(lang)
        if action == "merge":
            into = issue_duplicates.goes_into(
                connection, person, issue_id, str(form.values.get("into_id") or ""),
                str(form.values.get("into_no") or ""),
            )  # fmt: skip
            problems.pop("into_id", None)
            if isinstance(into, Label):
                problems["into_no" if form.values.get("into_no") else "into_id"] = into.text(lang)
            else:
                said["into_id"] = into
        if problems:
            return replace(form, problems=problems)
        if action == "merge" and not form.values.get("into_id") and form.sure != said["into_id"]:
            doubt = issue_duplicates.unlike(connection, person, issue_id, said["into_id"], lang)
            if doubt:
                return replace(form, general=doubt, sure=said["into_id"], problems={})
        step = NewStep(issue_id, action, actor_of(person), said, now, form.step_id)
        refused = _take(connection, person.district, step, now, form, lang)
        if refused is not None:
            return refused
        use = "after" if action == "resolve" else "scene"
        step_photos.attach(
            connection, person, kept if form.has_photos else (), step_id=form.step_id,
            grid=row["grid"], use=use, now=now,
        )  # fmt: skip
    return None


def _take(
    connection: sa.Connection, district: str, step: NewStep, now: datetime, form: StepForm,
    lang: str,
) -> StepForm | None:  # fmt: skip
    try:
        take_steps(connection, district, [step], now)
    except Refusal as refusal:
        if refusal.code == "step_not_possible":
            return replace(form, general=words_of_why(refusal.facts.get("why"), lang))
        if refusal.code != "bad_fields":
            raise
        problems = {
            str(one.get("pointer") or "").strip("/").split("/")[0]: str(
                one.get("en" if lang == "en" else "zh")
            )
            for one in refusal.facts["problems"]
        }
        return replace(form, problems=problems)
    return None


def _kept(centre: Centre, photos: Sequence[bytes]) -> tuple[list[step_photos.Kept], str]:
    """Return the photos kept and, when they cannot be taken, why."""
    if len(photos) > MOST_PHOTOS:
        return [], "too_many"
    try:
        return step_photos.keep_photos(centre, photos), ""
    except Refusal as refusal:
        if refusal.code not in PHOTOS:
            raise
        return [], refusal.code


def _around(
    connection: sa.Connection, person: User, row: Mapping[Any, Any], action: str, lang: str
) -> Around:
    similar: tuple[Option, ...] = ()
    if action == "merge":
        found = issue_duplicates.similar_to(connection, person, row["record_id"], lang)
        similar = issue_duplicates.options_of(found)
    return load_around(connection, person.district, row["grid"], similar)


def _form(
    connection: sa.Connection,
    person: User,
    row: Mapping[Any, Any],
    case: Case,
    action: str,
    now: datetime,
    lang: str,
) -> StepForm:
    around = _around(connection, person, row, action, lang)
    for one in may_do(person, case):
        if one.action == action:
            return form_of(case, one, around, now, lang)
    rows = [one for one in flow.TRANSITIONS if one.action == action and person.role in one.roles]
    if not rows:
        raise Refusal("not_allowed" if action in {r.action for r in flow.TRANSITIONS}
                      else "unknown_record")  # fmt: skip
    here = next((one for one in rows if one.source == case.state), None)
    why = "state" if here is None else failing(here, case, actor_of(person)) or "state"
    form = form_of(case, here or rows[0], around, now, lang)
    return replace(form, general=words_of_why(why, lang))


def _overtaken(
    connection: sa.Connection, person: User, case: Case, form: StepForm, lang: str
) -> StepForm:
    """Return the form, for another look at how the case stands now."""
    done = [one for one in case.readings if one.counted and one.step.action not in flow.SPEAKING]
    if not done:
        return replace(form, seen=mark_of(case))
    last = done[-1].step
    role = str(last.fields.get("role") or "worker")
    names = names_of(connection, person.district, [last.author])
    if person.role in flow.UNITS:  # units are told offices, not people
        names = {}
    who = names.get(last.author) or code_list("ROLE").text(role, lang)
    what = code_list("STEP_ACTION").text(last.action, lang)
    words = MEANWHILE.text(lang).format(who=who, what=what)
    if form.general:
        words = f"{form.general}{'' if lang != 'en' else ' '}{KEPT.text(lang)}"
    return replace(form, seen=mark_of(case), general=words)
