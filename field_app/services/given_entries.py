"""Lists of a form whose entries are known before anything is typed: nobody adds one by hand.

An entry's key says whom or what it is about (a resident, a campaign's question). On the form of a
new visit as on that of a correction each is asked under its own key: under any other it would
count for nobody.
"""

from __future__ import annotations

from field_app.domain.typed import values_of
from field_app.services import knock
from field_app.services.draft_shape import Part
from field_app.services.records import get_view
from field_app.services.survivors import survivor_of
from field_app.services.visit_target import target_of
from field_app.services.workspace import Workspace
from schemas.catalogue import kind_of
from schemas.fields import Keyed


def given_entries(ws: Workspace, part: Part) -> dict[str, dict[str, str]]:
    """Return the words of the entries, by list and key, that a form asks: of a list that speaks of
    another's entries (``Keyed.of``) one for each of them; on the form of a visit a care check for
    each person looked after behind the door, an answer to each question of its knock campaign.

    Whoever was checked already is named too, whether looked after today or not.
    """
    if part["kind"] != "visit":
        return _spoken_of(ws, part)
    said = values_of(kind_of("visit"), part["texts"])
    fields = {**part["base"], **said, **part["fixed"]}
    fields["household_id"] = survivor_of(ws, "household", str(fields.get("household_id") or ""))
    checked = {one: _named(ws, one) for one in said.get("care_checks") or {}}
    present = {survivor_of(ws, "resident", one) for one in checked}
    target = target_of(ws, fields)
    people = {one.view["record_id"]: str(one.fields.get("name") or "") for one in target.in_care} \
        if target else {}  # fmt: skip
    return {
        "care_checks": checked | {one: name for one, name in people.items() if one not in present},
        "answers": knock.questions_of(ws, str(fields.get("campaign_id") or "")),
    }


def _spoken_of(ws: Workspace, part: Part) -> dict[str, dict[str, str]]:
    kind = kind_of(part["kind"])
    declared = kind.declared()
    fields = {**part["base"], **values_of(kind, part["texts"])}
    return {
        name: {key: one.about(declared, fields, key, ws.lang) for key in one.spoken_of(fields)}
        for name, one in declared.items()
        if isinstance(one, Keyed) and one.of
    }


def _named(ws: Workspace, resident_id: str) -> str:
    view = get_view(ws, "resident", survivor_of(ws, "resident", resident_id))
    return str(view["fields"].get("name") or "") if view else ""
