"""What can go wrong on the road to the centre: a code, and what to do about it."""

from __future__ import annotations

from typing import Any

PASSING = frozenset({"unreachable", "busy", "server_busy", "server_error", "garbled_reply"})
"""Faults that may be over within moments, so that another try in the same round is worth it."""


class SyncFault(Exception):
    """A request that did not end in a confirmed answer; nothing may be marked from it.

    ``status`` is the HTTP status, 0 when there was none; ``retry_after_s`` what the server asked
    for; ``known`` where the server says our streams stand, ``stream`` the one at fault; ``cut``
    whether a connection that stood broke off; ``own`` whether the centre itself said that it
    failed or refused, and not something before it; ``facts`` fill the sentence of ``code``.
    """

    def __init__(
        self,
        code: str,
        *,
        status: int = 0,
        retry_after_s: float | None = None,
        known: dict[str, tuple[int, str]] | None = None,
        stream: str | None = None,
        cut: bool = False,
        own: bool = False,
        **facts: Any,
    ) -> None:
        super().__init__(f"{code} ({status})" if status else code)
        self.code = code
        self.status = status
        self.retry_after_s = retry_after_s
        self.known = known
        self.stream = stream
        self.cut = cut
        self.own = own
        self.facts = facts | ({"status": status} if code == "server_error" and status else {})
