"""Reading the account the centre gives of this device: whole, or it counts for nothing."""

from __future__ import annotations

from typing import Any

from field_app.domain.accounting import Account
from field_app.sync_client.faults import SyncFault
from field_app.sync_client.replies import read_known
from schemas.exchange import ACCOUNTED


def read_account(body: Any) -> Account:
    """Return the account a body holds; raises SyncFault ``bad_reply`` for any part misshapen."""
    try:
        photos = body["photos"]
        return Account(
            known=read_known(body["known"]),
            by_day={str(one["day"]): _counts(one) for one in body["by_day"]},
            by_stream={str(one["stream"]): _counts(one) for one in body["streams"]},
            photos_expected=_count(photos["expected"]),
            photos_present=_count(photos["present"]),
            photos_missing=frozenset(str(one) for one in photos["missing"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise SyncFault("bad_reply") from None


def _counts(one: Any) -> dict[str, int]:
    return {outcome: _count(one[outcome]) for outcome in ACCOUNTED}


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError
    return value
