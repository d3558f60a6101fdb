"""What a laptop under measurement sends stays what it sealed, with the cursor it was given."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from benchmarks.contenders import AsALaptop
from benchmarks.field_changes import Laptop
from benchmarks.keepalive import Answer, Piece
from benchmarks.servers import Server
from schemas.seal import canonical, change_hash
from sync_server.services.ids import new_id


def sent(piece: Piece) -> dict:
    return json.loads(gzip.decompress(piece.raw.partition(b"\r\n\r\n")[2]))


def test_the_cursor_of_an_answer_goes_into_the_next_request_and_changes_stay_sealed(
    tmp_path: Path,
) -> None:
    laptop = Laptop(new_id(), "t", new_id(), "990101100009003", "e")
    contender = AsALaptop(Server("none", [], 1, tmp_path / "log"), [laptop])
    (talk,) = contender.prepare(5, 3)
    bodies = [sent(next(talk))]
    for cursor in ("one", "two"):
        told = canonical({"cursor": cursor, "more": False, "receipts": [], "updates": []})
        bodies.append(sent(talk.send(Answer(200, b"", gzip.compress(told)))))
    assert [one["cursor"] for one in bodies] == [None, "one", "two"]
    changes = [change for body in bodies for change in body["changes"]]
    assert any(change["base_version"] is None for change in changes)
    assert [change_hash(change) for change in changes] == [change["hash"] for change in changes]
