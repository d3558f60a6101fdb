"""Whether a change that comes again says what it said the first time, wherever in a log it stands.

What a change said may have been emptied meanwhile, at the end of its retention period: then a hash
of it tells.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from sync_server.services.parts import SAID

_PLACE = frozenset({"seq", "prev", "hash"})


def same_content(row: Mapping[str, Any], members: Mapping[str, Any]) -> bool:
    """Whether a change received before says what this one says (its place may differ)."""
    if row.get("emptied"):
        return bool(row["emptied"] == content_hash(members))
    return bool(_content(row) == _content(members))


def content_hash(members: Mapping[str, Any]) -> str:
    """Return a hash of what a change says, without its place in a log."""
    # Unpaired surrogates, which a refused change may hold, stand as escapes.
    text = json.dumps(_content(members), sort_keys=True, separators=(",", ":"))
    return sha256(text.encode("ascii")).hexdigest()


def _content(members: Mapping[str, Any]) -> Any:
    fields = members["fields"]
    if set(fields) == {"text"}:  # perhaps a change kept whole as text
        try:
            whole = json.loads(fields["text"])
        except (TypeError, ValueError):
            whole = None
        if isinstance(whole, dict) and whole.keys() >= set(SAID):
            return [whole[name] for name in SAID]
        if isinstance(whole, dict) and "change_id" in whole:
            return {name: value for name, value in whole.items() if name not in _PLACE}
    return [members[name] for name in SAID]
