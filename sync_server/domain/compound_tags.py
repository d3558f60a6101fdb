"""A compound's tags over time, and today's tag beside them: when the two agree, and what was said
of tags before there was a list of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from schemas.clock import local_day
from schemas.kinds.compound import tag_on
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


def said_since(changes: Sequence[Row], at: datetime) -> bool:
    """Whether anybody, the centre itself included, has said something of a compound's tags since a
    time, as its log tells."""
    return any(
        one["outcome"] in CAME and {TAG, SINCE, LIST} & {*(one["fields"] or {})}
        for one in changes
        if one["received_at"] >= at
    )


def said_the_old_way(row: Row) -> bool:
    """Whether the tag of a record was written after its list was written last: by somebody, or by
    the centre itself when it kept the two alike."""
    fields, origins = row["fields"], row["origins"]
    written = [
        int(one["version"])
        for name in (TAG, SINCE)
        if (one := origin_of(fields, origins, name)) is not None
    ]
    listed = [int(one["version"]) for path, one in origins.items() if path.startswith(f"{LIST}.")]
    if fields.get(LIST):
        listed.append(int(origins[DEFAULT]["version"]))
    return max(written, default=0) > max(listed, default=0)


def entries_of_old(row: Row, changes: Sequence[Row]) -> list[dict[str, str]]:
    """Return the entries that what was said the old way makes, out of a compound's log. What ever
    was an entry is none of these: the centre said it of the list, or somebody took it out."""
    listed = [row["fields"].get(LIST) or {}]
    listed += [((one["fields"] or {}).get(LIST) or {}).get("add") or {} for one in changes]
    known = {(one.get(TAG), one.get("since")) for some in listed for one in some.values()}
    return [
        {TAG: tag, "since": since}
        for tag, since in dict.fromkeys(told_before(changes, row["fields"]))
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
