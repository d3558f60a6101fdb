"""One batch posted by hand, as the README says, and posted again: the second changes nothing."""

from __future__ import annotations

import copy
import json
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.journeys.agreement import check_effects, check_receipts
from tests.journeys.people import CHARGING, ISSUE, MET, GridWorker
from tests.journeys.programs import CentreProgram, LaptopProgram

pytestmark = pytest.mark.journey


@pytest.fixture
def worker(new_worker: Callable[..., GridWorker]) -> GridWorker:
    """A worker with five unsent changes, who has closed the laptop."""
    worker = new_worker()
    worker.patrol("ebike", CHARGING, "environment", "垃圾已清理。")
    worker.visit_found("502", MET)
    worker.report(ISSUE)
    worker.edit("household", worker.households("502")[1], {"phone": "13800001111"})
    worker.laptop.stop()
    return worker


def test_the_same_batch_posted_by_hand_twice_counts_once(
    centre: CentreProgram, worker: GridWorker, tmp_path: Path
) -> None:
    batch, line = show_batch(worker.laptop)
    assert len(batch["changes"]) == 5

    untouched = centre.books.dump()
    forged = copy.deepcopy(batch)
    forged["changes"][-1]["fields"]["phone"] = "13900009999"
    assert post(line, tmp_path, forged)["code"] == "bad_envelope"
    assert centre.books.dump() == untouched

    first = post(line, tmp_path, batch)
    assert [one["outcome"] for one in first["receipts"]] == ["applied"] * 5
    stored = centre.books.dump()
    second = post(line, tmp_path)
    assert [one["outcome"] for one in second["receipts"]] == ["duplicate"] * 5
    assert [one["change_id"] for one in second["receipts"]] == [
        one["change_id"] for one in first["receipts"]
    ]
    for told, repeated in zip(first["receipts"], second["receipts"], strict=True):
        assert repeated["first"]["outcome"] == told["outcome"]
        assert repeated["first"]["version"] == told["version"]
    assert second["known"] == first["known"]
    assert centre.books.dump() == stored

    worker.come_back()  # the laptop knows of none of this, and sends them a third time
    assert worker.unsent() == 5
    end = worker.sync()
    assert (end.stage, end.confirmed) == ("done", 5)
    assert set(worker.states().values()) == {"stored"}
    assert centre.books.dump() == stored

    worker.laptop.stop()
    last, line = show_batch(worker.laptop, "--last")
    assert last["changes"] == batch["changes"]
    fourth = post(line, tmp_path, last)
    assert [one["outcome"] for one in fourth["receipts"]] == ["duplicate"] * 5
    assert centre.books.dump() == stored
    check_effects(centre.books)
    with worker.laptop.store() as ws:
        check_receipts(ws, centre.books)


def show_batch(laptop: LaptopProgram, *options: str) -> tuple[dict[str, Any], str]:
    """Return the batch the laptop shows and the curl line it offers."""
    told = laptop.command("show-batch", *options)
    assert told.status == 0, told.err
    return json.loads(told.out), told.err.strip()


def post(line: str, folder: Path, batch: dict[str, Any] | None = None) -> dict[str, Any]:
    """Post ``batch.json`` by the curl line (or as it would, where there is no curl)."""
    if batch is not None:
        text = json.dumps(batch, ensure_ascii=False)
        (folder / "batch.json").write_text(text, encoding="utf-8")
    words = shlex.split(line)
    assert words[-1] == "@batch.json"
    if shutil.which("curl"):
        done = subprocess.run(words, cwd=folder, capture_output=True, check=True, timeout=60)
        return dict(json.loads(done.stdout))
    url = next(word for word in words if word.startswith("http"))
    at = [index for index, word in enumerate(words) if word == "-H"]
    headers = dict(words[index + 1].split(": ", 1) for index in at)
    body = (folder / "batch.json").read_bytes()
    return dict(requests.post(url, data=body, headers=headers, timeout=60).json())
