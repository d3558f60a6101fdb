"""F16: six weeks offline, then one upload, its plug pulled again and again.

GRIDROUNDS_LONG_UPLOAD sets the number of records (70 if unset; 700 is the full case); there is one
photo to every twelve records and one pulled plug to every seventy, at least four.
"""

from __future__ import annotations

import io
import os
import random
import re
import time
from datetime import datetime
from pathlib import Path

import pytest
from PIL import Image

from field_app.services import photos
from field_app.services.records import Entry, save_records
from field_app.services.workspace import Workspace, indexes
from field_app.store.vault import Vault
from schemas.clock import SHANGHAI
from tests.field_app.laptops import QUICK
from tests.journeys.agreement import check_agreement, check_effects
from tests.journeys.forks import Forked, ForkedCentre, ForkedLaptop, zygote
from tests.journeys.people import GridWorker, words
from tests.journeys.programs import PASSPHRASE
from tests.journeys.test_kills import press_sync
from tests.journeys.world import PERSONA, World

RECORDS = int(os.environ.get("GRIDROUNDS_LONG_UPLOAD", "70"))
PHOTOS = RECORDS // 12 + 1
PULLS = max(RECORDS // 70, 4)
BATCH = 500

pytestmark = [
    pytest.mark.journey,
    pytest.mark.slow,
    pytest.mark.xdist_group("kills"),
    pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL"),
]


def picture(number: int) -> bytes:
    """A photo nobody else has taken: noise, so that it does not shrink."""
    noise = random.Random(number).randbytes(320 * 240 * 3)
    out = io.BytesIO()
    Image.frombytes("RGB", (320, 240), noise).save(out, "JPEG", quality=80)
    return out.getvalue()


def work_offline(laptop: ForkedLaptop) -> None:
    """Write the records and photos of six weeks at the store itself."""
    vault = Vault(laptop.data, argon=QUICK, indexes=indexes())
    (known,) = vault.workers()
    opened = vault.unlock(known.worker_id, PASSPHRASE)
    try:
        ws = Workspace(opened.db, lambda: datetime.now(SHANGHAI), photos=opened.photos)
        shops = [
            Entry("shop", "create", {"name": f"小店{n}", "kind": "retail", "address": f"{n}号"})
            for n in range(RECORDS - PHOTOS)
        ]
        saved = [one for start in range(0, len(shops), 50)
                 for one in save_records(ws, shops[start : start + 50])]  # fmt: skip
        for number in range(PHOTOS):
            owner = saved[number % len(saved)].record_id
            photos.attach(ws, "shop", owner, picture(number), "scene")
    finally:
        opened.close()


def stored_photos(data: Path) -> dict[str, int]:
    """When each photo's file at the centre was written last, by its name."""
    return {one.name: one.stat().st_mtime_ns for one in (data / "photos" / "kept").rglob("*")
            if one.is_file()}  # fmt: skip


@pytest.fixture
def _forks() -> object:
    with zygote() as one:
        Forked.zygote = one
        yield


@pytest.mark.usefixtures("_forks")
def test_f16_a_long_upload_resumes_wherever_its_plug_is_pulled(
    world: World, tmp_path: Path
) -> None:
    rng = random.Random(16)
    with ForkedCentre(tmp_path, world) as centre, ForkedLaptop(tmp_path) as laptop:
        centre.start()
        laptop.start()
        worker = GridWorker(laptop)
        worker.move_in(centre.address, centre.join_code(PERSONA))
        laptop.stop()
        work_offline(laptop)
        worker.come_back()
        assert worker.unsent() == RECORDS
        for number in range(PULLS):
            press_sync(worker)
            time.sleep(rng.uniform(0.02, 0.6))
            for program in ([centre], [laptop], [centre, laptop])[number % 3]:
                program.kill()
            if not centre.running:
                centre.start()
            if not laptop.running:
                worker.come_back()
        end = worker.sync()
        if end.stage != "done":  # what the last pull left running ended as it had to
            end = worker.sync()
        assert end.stage == "done", end
        assert worker.unsent() == 0

        # Everything is there once, and little was sent twice: what was under way at each pull.
        (made,) = centre.books.rows("SELECT count(*) AS n FROM changes WHERE device_id IS NOT NULL")
        assert made["n"] == RECORDS
        (files,) = centre.books.rows("SELECT count(*) AS n FROM photo_files")
        assert files["n"] == PHOTOS
        told = re.findall(r"changes=(\d+) new=(\d+)", centre.log.read_text())
        again = sum(int(sent) - int(new) for sent, new in told)
        assert again <= PULLS * BATCH
        check_effects(centre.books)

        # What was confirmed is not sent again, nor are the photos.
        exchanges, bytes_there = len(told), stored_photos(centre.data)
        assert worker.sync().stage == "done"
        told = re.findall(r"changes=(\d+) new=(\d+)", centre.log.read_text())
        assert len(told) > exchanges
        assert {sent for sent, _ in told[exchanges:]} == {"0"}
        assert stored_photos(centre.data) == bytes_there

        receipt = words(worker.open(f"/receipts/day/{datetime.now(SHANGHAI):%Y-%m-%d}").html)
        assert str(RECORDS) in receipt
        worker.laptop.stop()
        with worker.laptop.store() as ws:
            check_agreement(ws, centre.books)
