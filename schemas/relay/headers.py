"""What the two files say of themselves, inside the seal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from schemas.relay.faults import RelayFault

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_HEX64 = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True)
class _Header:
    def document(self) -> dict[str, Any]:
        """Return it as it is written."""
        return asdict(self)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Return the header of a document; raises RelayFault ``relay_damaged``.

        Members it does not know are passed over, so that later writers may add some.
        """
        try:
            found = cls(**{one.name: document[one.name] for one in fields(cls)})
            found._check()
        except (KeyError, TypeError, ValueError):
            raise RelayFault("relay_damaged") from None
        return found

    def _check(self) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class BatchHeader(_Header):
    """What a laptop says: which device for which centre, where the answer goes, what follows.

    Keys are X25519 public halves in hex; ``made_at`` is by the laptop's clock.
    """

    purpose: str
    device_id: str
    district: str
    recipient: str
    reply_key: str
    made_at: str
    app: str
    batches: list[str]
    changes: int
    photos: int

    def _check(self) -> None:
        _require(self.purpose == "batch")
        _require(_like(_UUID, self.device_id))
        _require(_like(_HEX64, self.recipient) and _like(_HEX64, self.reply_key))
        _require(all(_text(one, 40) for one in (self.district, self.made_at, self.app)))
        _require(isinstance(self.batches, list) and all(_like(_UUID, one) for one in self.batches))
        _require(_count(self.changes) and _count(self.photos))


@dataclass(frozen=True)
class ReceiptHeader(_Header):
    """What the centre answers: to which file of which device, in which epoch, by its own clock.

    ``batch_sha256`` is of the whole ``.gridbatch`` as handed in; ``device_state`` is active,
    revoked or lost.
    """

    purpose: str
    device_id: str
    device_state: str
    batch_sha256: str
    server_epoch: str
    made_at: str

    def _check(self) -> None:
        _require(self.purpose == "receipt")
        _require(_like(_UUID, self.device_id) and _like(_HEX64, self.batch_sha256))
        _require(_text(self.device_state, 10) and _text(self.server_epoch, 64))
        _require(_text(self.made_at, 40))


def _require(fits: bool) -> None:
    if not fits:
        raise ValueError


def _like(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.match(value) is not None


def _text(value: Any, longest: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= longest and value.isprintable()


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 2**53
