"""A compound's tags over time, and today's tag beside them: when the two agree, and what was said
of tags before there was a list of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.clock import local_day
from schemas.kinds.compound import tag_on
from schemas.workflow import SYSTEM_ID
from sync_server.domain.merge import DEFAULT, origin_of

TAG, SINCE, LIST = "tag", "tag_from", "tags"
CAME = frozenset({"applied", "merged"})
Row = Mapping[Any, Any]


def agrees(fields: Mapping[str, Any], day: str) -> bool:
    """Whether ``tag`` and ``tag_from`` say what the list comes to on ``day``."""
    return all(fields.get(name) == value for name, value in today(fields, day).items())


def today(fields: Mapping[str, Any], day: str) -> dict[str, str | None]:
    """Return what ``tag`` and ``tag_from`` have to say on ``day``."""
    span = tag_on(fields, day)
    return {TAG: span.tag if span else None, SINCE: span.since if span else None}


def said_the_old_way(row: Row) -> bool:
    """Whether somebody wrote the tag of a record itself, after the list was written last."""
    origins = row["origins"]
    written = [
        one for name in (TAG, SINCE) if (one := origin_of(row["fields"], origins, name)) is not None
    ]
    by_hand = [int(one["version"]) for one in written if one["author"] != SYSTEM_ID]
    listed = [int(one["version"]) for path, one in origins.items() if path.startswith(f"{LIST}.")]
    if row["fields"].get(LIST):
        listed.append(int(origins[DEFAULT]["version"]))
    return max(by_hand, default=0) > max(listed, default=0)


def entries_of_old(row: Row, changes: Sequence[Row]) -> list[dict[str, str]]:
    """Return the entries that what was said the old way makes, without those the list has."""
    fields = row["fields"]
    known = {(one[TAG], one["since"]) for one in (fields.get(LIST) or {}).values()}
    return [
        {TAG: tag, "since": since}
        for tag, since in dict.fromkeys(told_before(changes, fields))
        if tag and (tag, since) not in known
    ]


def told_before(changes: Sequence[Row], fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (tag, since) of every tag that was written the old way, in order, out of a compound's
    log; what stands now is among them even where the log does not reach back."""
    told: list[tuple[str, str]] = []
    tag = since = ""
    for row in changes:
        said = row["fields"] or {}
        if row["outcome"] not in CAME or not {TAG, SINCE} & set(said):
            continue
        changed = TAG in said and (said[TAG] or "") != tag
        tag = str(said.get(TAG, tag) or "")
        since = str(said.get(SINCE) or ("" if changed else since))
        line = (tag, since or local_day(row["happened_at"]))
        if changed or not told:
            told.append(line)
        else:  # the same tag, its day said anew
            told[-1] = line
    stands = str(fields.get(TAG) or "")
    if stands and (not told or told[-1][0] != stands):
        day = fields.get(SINCE) or (told[-1][1] if told else "")
        if day:
            told.append((stands, str(day)))
    return told
