"""The pages of a file on one record: to read or print, masked, and unmasked for a reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Blueprint, render_template, request

from sync_server.domain.errors import Refusal
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language


def file_pages(
    name: str, place: str, open_file: Callable[..., Any], unmask_file: Callable[..., Any]
) -> Blueprint:
    """Return the blueprint ``name`` with the pages at ``place``/<id>/file.

    ``open_file`` and ``unmask_file`` are the services'; the template is called as the blueprint.
    """
    blueprint = Blueprint(name, __name__)

    def shown(found: Any, wrong: str = "", reason: str = "") -> str:
        return render_template(
            f"{name}.html", found=found, now=centre().clock(), wrong=wrong, reason=reason
        )

    def masked(record_id: UUID, wrong: str = "", reason: str = "") -> str:
        with centre().store.reading() as connection:
            found = open_file(connection, person(), str(record_id), centre().clock(), language())
        return shown(found, wrong, reason)

    @blueprint.get(f"{place}/<uuid:record_id>/file")
    @with_right("records")
    def show(record_id: UUID) -> str:
        """Show the file, masked."""
        return masked(record_id)

    @blueprint.post(f"{place}/<uuid:record_id>/file")
    @with_right("unmask")
    def unmask(record_id: UUID) -> str | tuple[str, int]:
        """Show the file unmasked, in this answer only, after writing down the reason."""
        reason = request.form.get("reason", "")
        try:
            found = unmask_file(
                centre().store, person(), str(record_id), reason, centre().clock(), language()
            )
        except Refusal as refusal:
            if refusal.code != "reason_needed":
                raise
            page = masked(record_id, errors.sentence(refusal), reason)
            return page, errors.status_of(refusal.code)
        return shown(found)

    return blueprint
