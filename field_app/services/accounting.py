"""The laptop's account with its centre: asked for after a round, compared, kept, and told.

What was found stands in the setting ``account``; the sync page shows it and the next exchange tells
the centre how many differences there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from field_app.domain.accounting import NOTES, WORDS, Account, Log, compare, own_streams
from field_app.services import streams
from field_app.services.workspace import CHANGES, PHOTO_BYTES, Workspace
from field_app.sync_client import Client
from schemas.clock import written

SUBJECT, FORGOTTEN = "account", "forgotten"


def check_account(ws: Workspace, client: Client) -> dict[str, Any]:
    """Ask for the account, compare it with the log and keep what was found; return that.

    Raises SyncFault when the centre does not answer, and what the store raises.
    """
    account = client.account()
    with ws.db.transaction():
        log = read_log(ws)
        compared = compare(account, log)
        ws.keep_setting(
            SUBJECT,
            at=written(ws.now()),
            differences=[one.document() for one in compared.differences],
            notes=[one.document() for one in compared.notes],
            whole=compared.whole,
            heads=_heads(ws),
            acked={name: one["acked_seq"] for name, one in log.streams.items()},
            known=sorted(account.known),
            photos={"expected": account.photos_expected, "present": account.photos_present},
            photos_lost=sorted(account.photos_missing & log.photos_delivered),
            by_day=_by_day(account),
        )
    return last_account(ws)


def last_account(ws: Workspace) -> dict[str, Any]:
    """Return what was found when the two were last compared, empty when they never were."""
    return ws.setting(SUBJECT)


def photos_lost(ws: Workspace) -> set[str]:
    """Return the hashes of photos marked as delivered that the centre said it does not have."""
    lost = set(last_account(ws).get("photos_lost", []))
    return lost & _delivered(ws) if lost else lost


def all_arrived(ws: Workspace) -> bool:
    """Whether the centre has said, of the log as it stands now, that it holds all of it."""
    kept = last_account(ws)
    return bool(kept.get("whole")) and kept["heads"] == _heads(ws)


def confirmed_since(ws: Workspace, changes: Iterable[Mapping[str, Any]]) -> int:
    """Return how many of these changes were confirmed after the two were last compared, of which
    that comparison can say nothing. One kept by an older program has the ends of the log alone."""
    kept = last_account(ws)
    then = kept.get("acked", kept.get("heads", {}))
    return sum(1 for one in changes if one["acked"] and one["seq"] > then.get(one["stream"], 0))


def sentences(ws: Workspace) -> tuple[list[str], list[str]]:
    """Return the differences and the notes last found, each in the worker's language."""
    kept = last_account(ws)
    words = {
        name: [table[one["code"]].text(ws.lang).format(**one) for one in kept.get(name, [])]
        for name, table in (("differences", WORDS), ("notes", NOTES))
    }
    return words["differences"], words["notes"]


def told(ws: Workspace, sending: int = 0) -> dict[str, Any]:
    """Return what the centre is told of this log with an exchange that brings ``sending`` changes.

    ``at`` is when the two were last compared, null for never; ``made`` how many changes the log has
    held, ``unsent`` how many stay here unconfirmed even when this exchange succeeds.
    """
    kept = last_account(ws)
    mine = own_streams(streams.all_streams(ws), kept.get("known", []))
    log = read_log(ws)
    changes = [one for one in log.changes if one["stream"] in mine]
    unsent = sum(1 for one in changes if not one["acked"])
    forgotten = sum(number for name, number in log.forgotten.items() if name in mine)
    return {
        "at": kept.get("at"),
        "made": len(changes) + forgotten,
        "unsent": max(unsent - sending, 0),
        "differences": len(kept.get("differences", [])),
    }


def confirmed_head(ws: Workspace) -> dict[str, Any] | None:
    """Return the newest stream with confirmed changes, its last confirmed number and that one's
    hash; None when nothing was ever confirmed."""
    for name, one in reversed(streams.all_streams(ws).items()):
        if one["acked_seq"] and not one.get("forked"):
            return {"stream": name, "seq": one["acked_seq"], "hash": one["acked_hash"]}
    return None


def read_log(ws: Workspace) -> Log:
    """Return the laptop's own side of a comparison; its changes are to be looked at only."""
    found: list[Mapping[str, Any]] = []

    def see(value: Mapping[str, Any]) -> bool:
        found.append(value)
        return False

    ws.table(CHANGES).count(see)
    kept = ws.setting(FORGOTTEN)
    return Log(
        streams=streams.all_streams(ws),
        changes=found,
        open=ws.setting(streams.SUBJECT).get("open"),
        forgotten=kept.get("streams", {}),
        forgotten_days=frozenset(kept.get("days", [])),
        photos_delivered=frozenset(_delivered(ws)),
    )


def note_forgotten(ws: Workspace, changes: Iterable[Mapping[str, Any]]) -> None:
    """Remember how many changes of which streams and days leave the log (confirmed long ago)."""
    changes = list(changes)
    kept = ws.setting(FORGOTTEN)
    counts = Counter(kept.get("streams", {})) + Counter(one["stream"] for one in changes)
    days = set(kept.get("days", [])) | {str(one["made_at"])[:10] for one in changes}
    ws.keep_setting(FORGOTTEN, streams=dict(counts), days=sorted(days))


def _delivered(ws: Workspace) -> set[str]:
    return {str(one["sha256"]) for one in ws.table(PHOTO_BYTES).find_by("arrived", True)}


def _heads(ws: Workspace) -> dict[str, int]:
    return {name: one["last_seq"] for name, one in streams.all_streams(ws).items()}


def _by_day(account: Account) -> dict[str, dict[str, int]]:
    return {
        day: {outcome: number for outcome, number in counts.items() if number}
        for day, counts in account.by_day.items()
    }
