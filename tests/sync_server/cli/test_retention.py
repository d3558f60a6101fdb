"""Retention on the terminal: it looks and changes nothing, and goes on with what was confirmed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sync_server.services import retention
from sync_server.services.centre import open_centre
from sync_server.services.ids import new_id
from sync_server.settings import Settings
from tests.sync_server.retention_place import NAME, Place
from tests.sync_server.world import DISTRICT, StillClock

LONG_AGO = datetime(2019, 3, 1, 4, 0, tzinfo=UTC)


def test_it_looks_and_goes_on_with_what_was_confirmed(data, run):
    settings, clock = Settings(data=data, district=DISTRICT, testing=True), StillClock(LONG_AGO)
    centre = open_centre(settings, clock)
    place = Place(centre, clock)
    one, _ = place.gone()
    stays, _ = place.person(name="林示例", id_no=None)
    place.laptop.send()
    centre.store.close()

    none = run("retention", "--data", data)
    assert none.returncode == 0, none.stderr
    assert "没有定保存年限" in none.stdout
    looked = run("retention", "--data", data, "--years", "3")
    assert looked.returncode == 0, looked.stderr
    lines = {line.rsplit(maxsplit=1)[0]: line.rsplit(maxsplit=1)[1] for line in
             looked.stdout.splitlines() if line[-1:].isdigit()}  # fmt: skip
    assert lines["可清空的人 persons to be emptied"] == "1"
    assert lines["  居民 Resident"] == lines["  关怀对象 Care"] == "1"

    centre = open_centre(settings, clock)
    place.centre, clock.now = centre, datetime(2026, 11, 30, tzinfo=UTC)
    assert place.record(one)["fields"]["name"] == NAME
    run_id = new_id()
    retention.set_period(centre.store, place.admin, "people", "3", clock())
    retention.propose(centre.store, place.admin, "people", run_id, clock())
    retention.confirm(centre.store, place.district, run_id, clock())
    centre.store.close()
    done = run("retention", "--data", data, "--go-on")
    assert done.returncode == 0, done.stderr
    assert "看过 1 人" in done.stdout

    centre = open_centre(settings, clock)
    place.centre = centre
    assert "name" not in place.record(one)["fields"]
    assert place.record(stays)["fields"]["name"] == "林示例"
    assert place.state(run_id) == "done"
    centre.store.close()


def test_a_period_that_is_none_is_one_sentence(data, run, capsys):
    with pytest.raises(SystemExit):
        run("retention", "--data", data, "--years", "0")
    assert "应为1至30的整数" in capsys.readouterr().err
    assert not data.exists()
