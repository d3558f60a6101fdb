"""Photos of records: taken in, kept sealed, shown, sent after the records, kept until confirmed.

The bytes are on the disk before the photo's record is saved, so a record never speaks of a picture
that was lost; a file whose record was not saved any more is deleted a day later. What this laptop
knows of a photo's bytes stands in the table PHOTO_BYTES, one document for each photo of its own.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from field_app.domain.errors import Trouble
from field_app.services.pictures import prepare
from field_app.services.records import children, get_view, new_id, save_record
from field_app.services.rights import allows
from field_app.services.workspace import DRAFTS, PHOTO_BYTES, Workspace, plain
from field_app.store.errors import StoreDamaged, StoreError
from field_app.store.photo_files import Part, PhotoFiles
from schemas.catalogue import kind_of
from schemas.clock import read_moment, written
from schemas.codes import code_list

log = logging.getLogger(__name__)

PHOTO = "photo"
MOST_OF_ONE = 20
"""Photos of one record."""
TOLD = ("use", "taken_at", "sha256", "bytes", "width", "height")
"""What a photo's record says besides whose it is."""
ORPHAN_AFTER, KEPT_AT_LEAST = timedelta(days=1), 90


@dataclass(frozen=True)
class Shown:
    """One photo of a record as its page shows it. ``state`` is waiting | arrived | refused | lost,
    or elsewhere when its bytes are not on this laptop."""

    photo_id: str
    use: str
    taken_at: str | None
    state: str
    has_file: bool
    may_void: bool


# Taking in ---------------------------------------------------------------------------------------


def may_attach(ws: Workspace, view: Mapping[str, Any]) -> bool:
    """Tell whether the worker may add photos to a record: what he may change, he may show."""
    kind = kind_of(view["kind"])
    possible = ws.photos is not None and bool(ws.grids) and view["kind"] != PHOTO
    if "step" in kind.info.laptop:  # a step never changes; its photos are its author's
        own = view["author"] == ws.worker_id
        return possible and own and not view["voided"] and not view["merged_into"]
    return possible and allows(ws, kind, "update", view)


def attach(ws: Workspace, kind_name: str, record_id: str, raw: bytes, use: str) -> str:
    """Add a photo to a record and return the photo's id; the same picture again changes nothing.

    Raises Trouble: bad_photo, huge_photo, no_photo_here, too_many_photos, out_of_choice; and what
    the store raises. Nothing is half saved.
    """
    owner = get_view(ws, kind_name, record_id)
    if owner is None or not may_attach(ws, owner):
        raise Trouble("no_photo_here")
    taken = take_in(ws, raw, use)
    photo_id, files = taken["photo_id"], _files(ws)
    try:
        with ws.db.transaction():  # nobody else adds photos meanwhile
            kept = _keep_record(ws, owner, taken)
    except Trouble:
        files.remove(photo_id)
        raise
    if kept != photo_id:
        files.remove(photo_id)
    return kept


def take_in(ws: Workspace, raw: bytes, use: str) -> dict[str, Any]:
    """Write a picture's sealed file and return what its record will say, with its ``photo_id``.

    Until a record or an open draft speaks of it, it is deleted a day later. Raises Trouble:
    bad_photo, huge_photo, no_photo_here, out_of_choice.
    """
    if use not in {item.code for item in code_list("PHOTO_USE").items}:
        raise Trouble("out_of_choice")
    picture = prepare(raw, ws.now())
    photo_id = new_id()
    _files(ws).save(photo_id, picture.sha256, picture.content, picture.small)
    return {
        "photo_id": photo_id,
        "use": use,
        "taken_at": picture.taken_at,
        "sha256": picture.sha256,
        "bytes": len(picture.content),
        "width": picture.width,
        "height": picture.height,
    }


def keep_taken(ws: Workspace, kind_name: str, record_id: str, taken: Mapping[str, Any]) -> None:
    """Save the record of a photo taken while the form of its owner was open; call it once the owner
    is saved, in the same commit. Raises Trouble."""
    owner = get_view(ws, kind_name, record_id)
    if owner is None:
        raise Trouble("no_photo_here")
    _keep_record(ws, owner, taken)


def read_taken(ws: Workspace, taken: Mapping[str, Any], part: Part) -> bytes | None:
    """Return the bytes of a photo that belongs to an open draft; raises as `read_photo`."""
    return None if ws.photos is None else ws.photos.read(taken["photo_id"], taken["sha256"], part)


def _in_drafts(ws: Workspace) -> set[str]:
    """Return the ids of the photos that drafts hold, deleted ones too: they may be saved yet."""
    return {one["photo_id"] for draft in ws.table(DRAFTS) for one in draft.get("photos") or ()}


def _keep_record(ws: Workspace, owner: Mapping[str, Any], taken: Mapping[str, Any]) -> str:
    """Save the record of a photo whose bytes are on the disk; return its id, or that of the photo
    of the same bytes the owner has already. Raises Trouble."""
    present = children(ws, PHOTO, "owner_id", owner["record_id"])
    for view in present:
        if view["fields"].get("sha256") == taken["sha256"]:
            return str(view["record_id"])
    if len(present) >= MOST_OF_ONE:
        raise Trouble("too_many_photos", most=MOST_OF_ONE)
    values = {
        "owner_type": owner["kind"],
        "owner_id": owner["record_id"],
        **{name: taken[name] for name in TOLD},
    }
    photo_id = str(taken["photo_id"])
    saved = save_record(ws, PHOTO, "create", values, record_id=photo_id, grid=_area(ws, owner))
    if not saved.saved:
        log.warning("photo not saved: %s", [one.problem.code for one in saved.problems])
        raise Trouble("no_photo_here")
    ws.put(PHOTO_BYTES, photo_id, _fresh(photo_id, values))
    return photo_id


def _area(ws: Workspace, owner: Mapping[str, Any]) -> str:
    """Return the grid of a photo: its record's; of the worker's grids one that lies in the record's
    area, or holds it, for what lies above or below grids."""
    area = str(owner["grid"])
    near = [one for one in ws.grids if one.startswith(area) or area.startswith(one)]
    return (near or list(ws.grids))[0]


def _fresh(photo_id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "photo_id": photo_id,
        "sha256": fields["sha256"],
        "bytes": fields["bytes"],
        "arrived": False,
        "arrived_at": None,
        "epoch": None,
        "upload": None,
        "refused": None,
    }


def _files(ws: Workspace) -> PhotoFiles:
    if ws.photos is None:
        raise Trouble("no_photo_here")
    return ws.photos


# Showing -----------------------------------------------------------------------------------------


def of_record(ws: Workspace, record_id: str) -> list[Shown]:
    """Return the photos of a record, oldest first, voided ones left out."""
    found = children(ws, PHOTO, "owner_id", record_id)
    return [shown(ws, view) for view in sorted(found, key=lambda view: str(view["made_at"]))]


def shown(ws: Workspace, view: Mapping[str, Any]) -> Shown:
    """Return one photo record as pages show it."""
    photo_id, fields = view["record_id"], view["fields"]
    known = ws.table(PHOTO_BYTES).get(doc_id=photo_id)
    has_file = ws.photos is not None and ws.photos.has(photo_id)
    return Shown(
        photo_id=photo_id,
        use=code_list("PHOTO_USE").text(fields.get("use") or "", ws.lang),
        taken_at=fields.get("taken_at"),
        state=_state(known) if known else "elsewhere",
        has_file=has_file,
        may_void=allows(ws, kind_of(PHOTO), "void", view),
    )


def _state(known: Mapping[str, Any]) -> str:
    if known["arrived"]:
        return "arrived"
    if known["refused"]:
        return "lost" if known["refused"] == "lost" else "refused"
    return "waiting"


def read_photo(ws: Workspace, photo_id: str, part: Part = "photo") -> bytes | None:
    """Return a photo's bytes, unsealed; None when they, or its record, are not on this laptop.

    Raises StoreDamaged, StoreClosed.
    """
    view = get_view(ws, PHOTO, photo_id)
    if view is None or ws.photos is None:
        return None
    return ws.photos.read(photo_id, view["fields"]["sha256"], part)


def waiting(ws: Workspace) -> list[dict[str, Any]]:
    """Return what is known of the photos the centre has not confirmed, the smallest first."""
    found = plain(ws.table(PHOTO_BYTES).find_by("arrived", False))
    return sorted(
        (one for one in found if not one["refused"]),
        key=lambda one: (one["bytes"], one["photo_id"]),
    )


def refused(ws: Workspace) -> list[dict[str, Any]]:
    """Return what is known of the photos the centre takes in no case: no picture, too large."""
    found = plain(ws.table(PHOTO_BYTES).find_by("arrived", False))
    return [one for one in found if one["refused"] not in (None, "lost")]


def not_arrived(ws: Workspace, photo_ids: Set[str]) -> set[str]:
    """Return those of the worker's own photos whose bytes the centre has not confirmed, also those
    of which nothing is noted though they lie here (`adopt`)."""
    table, files = ws.table(PHOTO_BYTES), ws.photos
    left = set(photo_ids) - {one["photo_id"] for one in table.find_by("arrived", True)}
    return {
        one for one in left
        if table.contains(doc_id=one) or (files is not None and files.has(one))
    }  # fmt: skip


# The bytes on their way --------------------------------------------------------------------------


def content_of(ws: Workspace, known: dict[str, Any]) -> bytes | None:
    """Return the bytes to send, whole as they were saved; None, and a note of it, when they are
    not on this disk any more."""
    content = _whole(ws, known)
    if content is None:
        log.error("photo %s: its file is missing or damaged", known["photo_id"])
        note(ws, known, refused="lost")
        return None
    return content


def _whole(ws: Workspace, known: Mapping[str, Any]) -> bytes | None:
    """Return a photo's bytes as they were saved, None when they are not here."""
    try:
        content = _files(ws).read(known["photo_id"], known["sha256"])
    except StoreDamaged:
        return None
    if content is None or hashlib.sha256(content).hexdigest() != known["sha256"]:
        return None
    return content


def said_of(ws: Workspace, known: Mapping[str, Any]) -> dict[str, str]:
    """Return what the centre is told of a photo besides its bytes."""
    view = get_view(ws, PHOTO, known["photo_id"])
    fields = view["fields"] if view else {}
    return {
        "sha256": known["sha256"],
        "record_id": known["photo_id"],
        "taken_at": fields.get("taken_at") or "",
        "use": fields.get("use") or "",
    }


def confirm(ws: Workspace, hashes: set[str], epoch: str) -> int:
    """Mark waiting photos as arrived that the centre says it holds (a relay file's receipt); return
    how many."""
    found = [one for one in waiting(ws) if one["sha256"] in hashes]
    with ws.db.transaction():
        for known in found:
            note(ws, known, arrived=True, arrived_at=written(ws.true_now()), epoch=epoch,
                 upload=None)  # fmt: skip
    return len(found)


def note(ws: Workspace, known: dict[str, Any], **facts: Any) -> None:
    """Change what is known of a photo's bytes, in ``known`` and durably."""
    known.update(facts)
    ws.put(PHOTO_BYTES, known["photo_id"], known)


def doubt_other_epochs(ws: Workspace) -> None:
    """Offer again what another history of the centre confirmed: a centre that was restored may not
    have it any more. What it has costs one request each."""
    epoch = ws.identity.server_epoch
    old = [
        one for one in plain(ws.table(PHOTO_BYTES).find_by("arrived", True))
        if one["epoch"] != epoch and _files(ws).has(one["photo_id"])
    ]  # fmt: skip
    with ws.db.transaction():
        for known in old:
            note(ws, known, arrived=False)


def offer_again(ws: Workspace, hashes: set[str]) -> int:
    """Send photos again that the centre says it does not have (its account), those whose file is
    here; return how many."""
    if not hashes:
        return 0
    lost = [
        one for one in plain(ws.table(PHOTO_BYTES).find_by("arrived", True))
        if one["sha256"] in hashes and _files(ws).has(one["photo_id"])
    ]  # fmt: skip
    with ws.db.transaction():
        for known in lost:
            note(ws, known, arrived=False, upload=None)
    return len(lost)


# Keeping order -----------------------------------------------------------------------------------


def adopt(ws: Workspace) -> int:
    """Take care of own photos whose file is here but of whose bytes nothing is noted (as after an
    older copy of the store was put in its place), or that were noted as lost and can be read again;
    return how many."""
    table = ws.table(PHOTO_BYTES)
    found = [
        view for view in plain(ws.table(PHOTO))
        if view["author"] == ws.worker_id
        and not table.contains(doc_id=view["record_id"])
        and _files(ws).has(view["record_id"])
    ]  # fmt: skip
    again = [
        one for one in plain(table.find_by("arrived", False))
        if one["refused"] == "lost" and _whole(ws, one) is not None
    ]  # fmt: skip
    with ws.db.transaction():
        for view in found:
            ws.put(PHOTO_BYTES, view["record_id"], _fresh(view["record_id"], view["fields"]))
        for known in again:
            note(ws, known, refused=None)
    if ws.setting("photos").get("restored"):
        ws.keep_setting("photos", restored=False)
    return len(found) + len(again)


def tidy(ws: Workspace, *, restored: bool) -> int:
    """Delete files of photos no record speaks of, a day after they were written; return how many.

    Not after an older copy of the store was put in its place, before a round has brought back the
    records made since then.
    """
    if ws.photos is None:
        return 0
    if restored:
        ws.keep_setting("photos", restored=True)
    if ws.setting("photos").get("restored"):
        return 0
    found = ws.photos.older_than((ws.now() - ORPHAN_AFTER).timestamp()) - _in_drafts(ws)
    orphans = [
        photo_id
        for photo_id in found
        if not ws.table(PHOTO_BYTES).contains(doc_id=photo_id) and not _has_record(ws, photo_id)
    ]
    for photo_id in orphans:
        ws.photos.remove(photo_id)
    return len(orphans)


def _has_record(ws: Workspace, photo_id: str) -> bool:
    return get_view(ws, PHOTO, photo_id) is not None


def prune_photos(ws: Workspace) -> int:
    """Delete the bytes of photos confirmed longer ago than they must be kept, whose record is not
    on this laptop any more or has been void as long; return how many."""
    keep, now = timedelta(days=max(ws.identity.keep_days, KEPT_AT_LEAST)), ws.true_now()
    over = [
        one for one in plain(ws.table(PHOTO_BYTES).find_by("arrived", True))
        if _since(one["arrived_at"], now) > keep and not _stands(ws, one["photo_id"], now, keep)
    ]  # fmt: skip
    for known in over:
        _files(ws).remove(known["photo_id"])
    ws.table(PHOTO_BYTES).remove(doc_ids=[one["photo_id"] for one in over])
    return len(over)


def _stands(ws: Workspace, photo_id: str, now: datetime, keep: timedelta) -> bool:
    """Whether a photo's record is on this laptop and not void for longer than ``keep``, on both
    sides alike: nothing shows it any more, and the centre may have emptied it."""
    view = get_view(ws, PHOTO, photo_id)
    if view is None:
        return False
    settled = view["voided"] and view["state"] in ("stored", "seen")
    return not (settled and _since(view["last_made_at"], now) > keep)


def _since(text: str, now: datetime) -> timedelta:
    return now - read_moment(text)


def tidy_quietly(ws: Workspace, *, restored: bool) -> None:
    """Tidy up while a store is being opened, which nothing here may stand in the way of."""
    try:
        tidy(ws, restored=restored)
    except (OSError, StoreError):
        log.warning("photos not tidied")
