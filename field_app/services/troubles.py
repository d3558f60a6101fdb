"""What went wrong, as a code with its facts, whichever floor it came from."""

from __future__ import annotations

import errno
import math
from typing import Any

from field_app.domain.errors import Trouble
from field_app.services.workspace import NotJoined
from field_app.store.errors import (
    CommitsMissing,
    StoreError,
    TooManyAttempts,
    WrongPassphrase,
)
from field_app.sync_client import SyncFault

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What an operating system says when a file beside the store finds no room."""


def trouble_of(error: BaseException) -> Trouble | None:
    """Return the trouble an exception means, None when it is none of the known kinds."""
    if isinstance(error, Trouble):
        return error
    if isinstance(error, WrongPassphrase | TooManyAttempts):
        seconds = math.ceil(error.retry_after_s)
        slowed = isinstance(error, WrongPassphrase) and seconds
        return Trouble("wrong_passphrase_wait" if slowed else error.code, seconds=seconds)
    if isinstance(error, CommitsMissing):
        return Trouble("commits_missing")
    if isinstance(error, StoreError):
        return Trouble(error.code)
    if isinstance(error, NotJoined):
        return Trouble("not_joined")
    if isinstance(error, SyncFault):
        return Trouble(error.code, **error.facts)
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return Trouble("disk_full")
    return None


def code_and_facts(error: BaseException) -> tuple[str, dict[str, Any]]:
    """Return code and facts of any exception; an unknown one is ``unexpected``."""
    known = trouble_of(error)
    return (known.code, known.facts) if known else ("unexpected", {})
