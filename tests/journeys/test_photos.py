"""F3: half of the photos arrive. Their records are there at once; the rest comes when it can."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.journeys.line import Line, Talk, carried, lost_reply, portal
from tests.journeys.people import ISSUE, GridWorker, Staff
from tests.journeys.programs import CentreProgram, ServedCentre, ServedLaptop
from tests.journeys.world import PERSONA
from tests.pictures import picture

pytestmark = pytest.mark.journey


def report(worker: GridWorker) -> str:
    """Report an issue and return its id."""
    worker.report(ISSUE)
    found = re.findall(r'href="/issues/([0-9a-f-]{36})"', worker.open("/issues").html)
    titles = {one: worker.open(f"/issues/{one}").html for one in dict.fromkeys(found)}
    return next(one for one, html in titles.items() if ISSUE["title"] in html)


def states(worker: GridWorker, issue: str) -> list[str]:
    """Return the states of an issue's photos as its page shows them."""
    html = worker.open(f"/issues/{issue}").html
    return sorted(re.findall(r'data-photo-state="(\w+)"', html))


def shown(staff: Staff, issue: str) -> int:
    """Return how many photos staff see on an issue's page, having looked at each."""
    html = staff.open(f"/records/issue/{issue}").html
    addresses = re.findall(r'src="(/photos/[0-9a-f-]+/small\.jpg)"', html)
    for one in addresses:
        assert "JFIF" in staff.open(one).html[:20]
    return len(addresses)


def kept(centre: CentreProgram) -> set[str]:
    """Return the hashes of the photos on the centre's disk, each proved."""
    files = [one for one in (centre.data / "photos" / "kept").rglob("*") if one.is_file()]
    assert all(hashlib.sha256(one.read_bytes()).hexdigest() == one.name for one in files)
    return {one.name for one in files}


def said(centre: CentreProgram) -> set[str]:
    """Return the hashes the centre's photo records speak of."""
    records = centre.books.rows("SELECT record_id FROM records WHERE kind = 'photo'")
    return {centre.books.record(one["record_id"])["fields"]["sha256"] for one in records}


def test_half_of_the_photos_arrive(
    centre: ServedCentre, new_worker: Callable[..., GridWorker]
) -> None:
    with Line(centre.address) as line:
        worker, staff = new_worker(road=line.address), Staff(centre)
        issue = report(worker)
        page = worker.photograph(
            f"/issues/{issue}", *(picture(120, 90, noise=number) for number in range(1, 5))
        )
        assert "已加4张照片" in page.html
        # One answer is lost (asking for the offset makes it good), one photo more gets through;
        # then the network wants somebody to sign in.
        line.photo_faults.extend([carried, lost_reply, carried, carried, carried, *[portal] * 9])
        end = worker.sync()
        assert end.stage == "failed"
        assert "认证页面" in end.words
        line.photo_faults.clear()

        assert worker.unsent() == 0  # every record is there; only pictures are not
        assert states(worker, issue) == ["arrived", "arrived", "waiting", "waiting"]
        assert len(said(centre)) == 4
        assert len(kept(centre)) == shown(staff, issue) == 2
        assert "共 4 张，2 张未到" in staff.read(f"/records/issue/{issue}")
        assert staff.open("/photos/missing").html.count(f"/records/issue/{issue}") == 2

        worker.laptop.stop()
        worker.come_back()
        assert worker.sync().stage == "done"
        assert states(worker, issue) == ["arrived"] * 4
        assert kept(centre) == said(centre)
        assert shown(staff, issue) == 4
        assert "没有缺少的照片" in staff.read("/photos/missing")
        assert not list((centre.data / "photos" / "parts").glob("*.part"))


def test_a_killed_centre_loses_no_photo(centre_process: CentreProgram, tmp_path: Path) -> None:
    """The centre's process dies while photos come, one answer after another is lost."""
    centre_process.start()
    with Line(centre_process.address) as line, ServedLaptop(tmp_path, "laptop") as laptop:
        laptop.start()
        worker = GridWorker(laptop)
        worker.move_in(line.address, centre_process.join_code(PERSONA))
        issue = report(worker)
        worker.photograph(f"/issues/{issue}", *(picture(90, 60, noise=one) for one in (1, 2)))

        def killed(talk: Talk) -> None:
            """The centre takes the bytes and dies before the laptop hears of it."""
            talk.carry()
            centre_process.kill()
            centre_process.start()
            talk.hang_up()

        line.photo_faults.extend([carried, killed])
        assert worker.sync().stage == "done"
        assert states(worker, issue) == ["arrived", "arrived"]
        assert kept(centre_process) == said(centre_process)
        assert shown(Staff(centre_process), issue) == 2
