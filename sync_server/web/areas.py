"""The area tree: every area with who works there, and redrawing grids: split, merge, add, end."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from schemas.codes import code_list
from sync_server.domain.errors import Refusal
from sync_server.services import (
    area_base,
    area_tree,
    grid_card,
    grid_changes,
    grid_team,
    small_cells,
)
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language, today
from sync_server.web.proving import proved

blueprint = Blueprint("areas", __name__)
FACTS = ("grid_type", "boundary_text", "org_id", "notice_phone", "supervision_phone")
SAID_AGAIN = frozenset(
    {"name_needed", "buildings_needed", "same_grid", "grids_full", "no_grid", "bad_fields",
     "area_not_empty", "area_ended", "bad_scope", "unknown_record", "out_of_date"}
)  # fmt: skip
"""Refusals told on the form they came from, with all that was typed."""


@blueprint.get("/areas")
@with_right("records")
def tree() -> str:
    """Show the tree."""
    ended = request.args.get("state") == "all"
    with centre().store.reading() as connection:
        found = area_tree.tree(connection, person(), language(), ended=ended)
        team_ = grid_team.words_of(grid_team.needed(connection, person().district), language())
    return render_template("areas.html", found=found, ended=ended, team=team_)


@blueprint.route("/areas/team", methods=["GET", "POST"])
@with_right("limits")
def team() -> Response | str | tuple[str, int]:
    """Ask how many people of which kind a grid should have, and keep it."""
    me, lang = person(), language()
    if request.method == "GET":
        with centre().store.reading() as connection:
            form = grid_team.open_form(connection, me, lang)
        return render_template("grid_team.html", form=form)
    posted, version = request.form, request.form.get("version", "")
    seen = int(version) if version.isascii() and version.isdigit() and len(version) < 17 else 0
    refused = grid_team.set_team(centre().store, me, posted, seen, centre().clock(), lang)
    if refused is not None:
        page = render_template("grid_team.html", form=refused)
        return page, errors.status_of("bad_fields")
    flash(_("网格配备已保存。"))
    return redirect(url_for(".tree"), 303)


@blueprint.get("/areas/<code>")
@with_right("records")
def one(code: str) -> str:
    """Show one area."""
    return _area(code)


@blueprint.get("/areas/<code>/card")
@with_right("records")
def card(code: str) -> str:
    """Show the card of a grid that is posted in public, or those of a community's grids."""
    with centre().store.reading() as connection:
        found = grid_card.cards(connection, person(), code, language())
    return render_template("grid_card.html", found=found, code=code, now=centre().clock())


@blueprint.route("/areas/<code>/change", methods=["GET", "POST"])
@with_right("areas")
def change(code: str) -> Response | str | tuple[str, int]:
    """Show an area as a form and change it."""
    if request.method == "GET":
        return _change(code)
    form = request.form
    wanted = {name: form.get(name, "").strip() for name in ("name", "valid_from", *FACTS)}
    seen = form.get("version", "")
    try:
        changed = grid_changes.change_area(
            centre().store, person(), code, wanted,
            int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 17 else 0,
            centre().clock(),
        )  # fmt: skip
    except Refusal as refusal:
        return _change(code, refusal)
    flash(_("已保存。") if changed else _("没有变化。"))
    return redirect(url_for(".one", code=code), 303)


@blueprint.route("/areas/<code>/add", methods=["GET", "POST"])
@with_right("areas")
def add(code: str) -> Response | str | tuple[str, int]:
    """Ask for a new grid under a community, or a micro-grid under a grid, and make it."""
    if request.method == "GET":
        return _form("area_add.html", code)
    facts = {name: request.form.get(name, "").strip() for name in FACTS}
    try:
        new = grid_changes.add_area(
            centre().store, person(), code, request.form.get("name", ""), facts, centre().clock()
        )
    except Refusal as refusal:
        return _form("area_add.html", code, refusal)
    flash(_("已建立，代码 %(code)s。", code=new))
    return redirect(url_for(".one", code=new), 303)


@blueprint.route("/areas/<code>/split", methods=["GET", "POST"])
@with_right("areas")
def split(code: str) -> Response | str | tuple[str, int]:
    """Ask which buildings go into a new grid and who works in both, and split the grid."""
    if request.method == "GET":
        return _form("area_split.html", code)
    form = request.form
    keepers = {"old": form.getlist("old"), "new": form.getlist("new")}
    try:
        new = grid_changes.split_grid(
            centre().store, person(), code, form.get("name", ""), form.getlist("building"),
            keepers, centre().clock(),
        )  # fmt: skip
    except Refusal as refusal:
        return _form("area_split.html", code, refusal)
    flash(_("已拆分，新网格代码 %(code)s。各终端下次同步时跟着变。", code=new))
    return redirect(url_for(".one", code=new), 303)


@blueprint.route("/areas/<code>/merge", methods=["GET", "POST"])
@with_right("areas")
@proved
def merge(code: str) -> Response | str | tuple[str, int]:
    """Ask into which grid another one goes, and merge them."""
    if request.method == "GET":
        return _form("area_merge.html", code)
    into = request.form.get("into", "")
    try:
        count = grid_changes.merge_grids(centre().store, person(), code, into, centre().clock())
    except Refusal as refusal:
        return _form("area_merge.html", code, refusal)
    flash(ngettext("已并入，移动 %(num)d 条记录。", "已并入，移动 %(num)d 条记录。", count))
    return redirect(url_for(".one", code=into), 303)


@blueprint.post("/areas/<code>/end")
@with_right("areas")
def end(code: str) -> Response | tuple[str, int]:
    """End an empty grid."""
    try:
        grid_changes.end_area(centre().store, person(), code, centre().clock())
    except Refusal as refusal:
        if refusal.code not in ("area_not_empty", "area_ended"):
            raise
        return _area(code, errors.sentence(refusal)), errors.status_of(refusal.code)
    flash(_("已失效，历史保留。"))
    return redirect(url_for(".one", code=code), 303)


def _area(code: str, wrong: str = "") -> str:
    with centre().store.reading() as connection:
        found = area_tree.open_area(connection, person(), code, language())
        base = area_base.base_of(connection, person(), code, today())
    (care,) = (count for kind, _, count in found.counts if kind == "care")
    hidden = small_cells.of_lists(person(), care, [base.people_in_care], [base.care_homes])
    return render_template(
        "area.html", found=found, base=base, day=today(), hidden=hidden, wrong=wrong
    )


def _change(code: str, refusal: Refusal | None = None) -> str | tuple[str, int]:
    return _form("area_change.html", code, refusal)


def _form(template: str, code: str, refusal: Refusal | None = None) -> str | tuple[str, int]:
    """Return a form about an area; with what was typed and what is wrong when it was refused."""
    if refusal is not None and refusal.code not in SAID_AGAIN:
        raise refusal
    me, lang = person(), language()
    with centre().store.reading() as connection:
        found = area_tree.open_area(connection, me, code, lang)
        grids = [
            one for one in area_tree.tree(connection, me, lang)
            if one.is_grid and one.code != code
        ]  # fmt: skip
        buildings = area_tree.buildings_of(connection, me, code) if found.node.is_grid else []
        workers = area_tree.workers_near(connection, me, code, lang)
        orgs = grid_card.party_orgs(connection, me, code)
    page = render_template(
        template,
        found=found,
        grids=sorted(grids, key=lambda one: (one.code[:12] != code[:12], one.code)),
        buildings=buildings,
        workers=workers,
        orgs=orgs,
        types=code_list("GRID_TYPE"),
        typed=request.form if refusal is not None else None,
        wrong=errors.sentence(refusal) if refusal is not None else "",
    )
    return page if refusal is None else (page, errors.status_of(refusal.code))
