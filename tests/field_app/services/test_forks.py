"""Copied and restored stores, a restored centre: nothing is lost, nothing counts twice."""

from __future__ import annotations

import shutil

import pytest
import sqlalchemy as sa

from field_app.services import forks, streams
from field_app.services.joining import Request
from field_app.services.records import changes_of, get_view, save_record, unsent_count, views
from field_app.services.workspace import CHANGES
from schemas.seal import ZEROS
from sync_server.services.holdings import reassign
from sync_server.store import tables
from tests.field_app.laptops import (
    CENTRE,
    GRID,
    HOUSEHOLD,
    ISSUE,
    NEXT_GRID,
    PASSPHRASE,
    save_issue,
)


def titles(laptop):
    return sorted(view["fields"]["title"] for view in views(laptop.ws, "issue"))


def at_the_centre(line, column):
    with line.centre.store.reading() as connection:
        return [row[0] for row in connection.execute(sa.select(column))]


def centre_titles(line):
    rows = at_the_centre(line, tables.records.c.fields)
    return sorted(fields["title"] for fields in rows)


def copied(laptop, open_laptop, name="copy"):
    """A second laptop that carries the same store, as after a disk was cloned."""
    laptop.close()
    shutil.copytree(laptop.folder, laptop.folder.with_name(name))
    both = []
    for folder in (laptop.folder.name, name):
        one = open_laptop(folder)
        one.desk.unlock(one.desk.workers()[0].worker_id, PASSPHRASE)
        both.append(one)
    return both


def test_two_laptops_with_one_store_both_bring_their_work_home(joined, line, open_laptop):
    laptop = joined()
    save_issue(laptop.ws, title="共同的")
    laptop.sync()
    first, second = copied(laptop, open_laptop)
    save_issue(first.ws, title="第一台")
    save_issue(second.ws, title="第二台")
    assert first.sync().stage == "done"
    told = second.sync()
    assert (told.stage, told.outcomes) == ("done", {"applied": 1})
    assert centre_titles(line) == ["共同的", "第一台", "第二台"]
    first.sync()
    assert titles(first) == titles(second) == ["共同的", "第一台", "第二台"]
    logs = list(streams.all_streams(second.ws).values())
    assert [one.get("forked", False) for one in logs] == [True, False]
    assert second.sync().confirmed == first.sync().confirmed == 0


def test_what_both_copies_carry_unsent_counts_once(joined, line, open_laptop):
    laptop = joined()
    save_issue(laptop.ws, title="复制前未上传")
    first, second = copied(laptop, open_laptop)
    save_issue(second.ws, title="复制后")
    save_issue(first.ws, title="另一台复制后")
    first.sync()
    told = second.sync()
    assert told.stage == "done"
    assert told.outcomes == {"duplicate": 1, "applied": 1}
    assert centre_titles(line) == ["另一台复制后", "复制前未上传", "复制后"]


def test_sealing_again_keeps_the_change_and_its_order(joined, open_laptop, line):
    laptop = joined()
    first, second = copied(laptop, open_laptop)
    save_issue(first.ws)
    first.sync()
    record_id = save_issue(second.ws, title="一").record_id
    save_record(second.ws, "issue", "update", {"title": "二"}, record_id=record_id)
    ids = [one["change_id"] for one in changes_of(second.ws, record_id)]
    second.sync()
    after = changes_of(second.ws, record_id)
    assert [one["change_id"] for one in after] == ids
    assert [one["seq"] for one in after] == [1, 2]
    assert after[0]["prev"] == ZEROS
    assert after[1]["prev"] == after[0]["hash"]
    assert get_view(second.ws, "issue", record_id)["fields"]["title"] == "二"


def test_a_store_restored_from_a_copy_goes_on_in_a_new_stream(joined, line, open_laptop, hands):
    laptop = joined()
    save_issue(laptop.ws, title="备份前")
    laptop.desk.back_up()
    save_issue(laptop.ws, title="备份后已上传")
    laptop.sync()
    worker_id = laptop.ws.worker_id
    laptop.close()
    copy = laptop.desk.vault.backups(worker_id)[0]
    laptop.desk.vault.restore_from_backup(worker_id, copy, hands())
    laptop.desk.unlock(worker_id, PASSPHRASE)
    assert titles(laptop) == ["备份前"]
    assert len(streams.all_streams(laptop.ws)) == 2
    save_issue(laptop.ws, title="恢复后")
    told = laptop.sync()
    assert (told.stage, told.outcomes) == ("done", {"duplicate": 1, "applied": 1})
    assert titles(laptop) == centre_titles(line) == ["备份前", "备份后已上传", "恢复后"]


@pytest.fixture
def restored(line):
    """Put the centre's database back to what it was when this was first called."""
    kept = line.folder.with_name("centre-copy")

    def keep_or_restore(epoch=None):
        line.centre.store.close()
        if not kept.exists():
            shutil.copytree(line.folder, kept)
        else:
            shutil.rmtree(line.folder)
            shutil.copytree(kept, line.folder)
        line.open()
        if epoch:
            with line.centre.store.writing() as connection:
                connection.execute(tables.districts.update().values(server_epoch=epoch))

    return keep_or_restore


def test_a_restored_centre_is_refilled_by_the_laptops(joined, line, restored):
    laptop = joined()
    save_issue(laptop.ws, title="备份前")
    laptop.sync()
    restored()
    record_id = save_issue(laptop.ws, title="备份后").record_id
    save_record(laptop.ws, "household", "create", HOUSEHOLD)
    laptop.sync()
    restored("a-new-epoch")
    assert centre_titles(line) == ["备份前"]
    save_issue(laptop.ws, title="恢复后")
    told = laptop.sync()
    assert (told.stage, told.confirmed) == ("done", 4)
    kinds = at_the_centre(line, tables.records.c.kind)
    assert sorted(kinds) == ["household", "issue", "issue", "issue"]
    assert titles(laptop) == ["备份前", "备份后", "恢复后"]
    assert get_view(laptop.ws, "issue", record_id)["state"] == "stored"
    assert unsent_count(laptop.ws) == 0
    assert laptop.sync().confirmed == 0


def test_a_centre_restored_without_saying_so_is_refilled_too(joined, line, restored):
    laptop = joined()
    save_issue(laptop.ws, title="备份前")
    laptop.sync()
    restored()
    save_issue(laptop.ws, title="备份后")
    laptop.sync()
    restored()
    told = laptop.sync()
    assert told.stage == "done"
    assert centre_titles(line) == ["备份前", "备份后"]


def test_what_the_centre_turns_out_to_lack_is_shown_as_not_received(joined):
    laptop = joined()
    record_id = save_issue(laptop.ws).record_id
    laptop.sync()
    assert get_view(laptop.ws, "issue", record_id)["state"] == "stored"
    stream = streams.head(laptop.ws).stream
    forks.close_gaps(laptop.ws, stream, {stream: (0, ZEROS)})
    assert get_view(laptop.ws, "issue", record_id)["state"] == "local"
    assert laptop.sync().stage == "done"
    assert get_view(laptop.ws, "issue", record_id)["state"] == "stored"


def test_what_was_pruned_before_a_restore_leaves_no_hole(joined, line, restored, hands):
    laptop = joined()
    restored()
    save_issue(laptop.ws, title="早已上传")
    laptop.sync()
    hands.passes(100 * 86400)
    laptop.sync()
    assert len(laptop.ws.table(CHANGES)) == 0
    save_issue(laptop.ws, title="新的")
    restored("another-epoch")
    told = laptop.sync()
    assert (told.stage, told.confirmed) == ("done", 1)
    assert centre_titles(line) == ["新的"]
    assert titles(laptop) == ["新的", "早已上传"]


def test_joining_again_as_another_device_takes_the_unsent_work_along(joined, line):
    worker = line.worker()
    laptop = joined("laptop", worker)
    save_issue(laptop.ws, title="未上传")
    former = laptop.ws.identity.device_id
    code = line.code(worker)
    laptop.desk.join(Request(CENTRE, code, PASSPHRASE, PASSPHRASE, "x"), laptop.call)
    assert laptop.ws.identity.device_id != former
    assert titles(laptop) == ["未上传"]
    told = laptop.sync()
    assert (told.stage, told.outcomes) == ("done", {"applied": 1})


def test_joining_again_shows_what_was_built_on_the_workers_own_change(joined, line):
    worker = line.worker()
    laptop = joined("laptop", worker)
    made = save_record(laptop.ws, "household", "create", HOUSEHOLD | {"phone": "13900000001"})
    laptop.sync()
    other = joined("other", line.worker("w2"))
    other.sync()
    save_record(other.ws, "household", "update", {"phone": "13900000002"}, record_id=made.record_id)
    other.sync()
    laptop.sync()
    request = Request(CENTRE, line.code(worker), PASSPHRASE, PASSPHRASE, "x")
    laptop.desk.join(request, laptop.call)
    view = get_view(laptop.ws, "household", made.record_id)
    assert (view["fields"]["phone"], view["state"]) == ("13900000002", "local")
    laptop.sync()
    assert get_view(laptop.ws, "household", made.record_id)["fields"]["phone"] == "13900000002"


def test_another_device_keeps_nothing_of_a_grid_given_away_meanwhile(joined, line):
    worker = line.worker(grids=(GRID, NEXT_GRID))
    laptop = joined("laptop", worker)
    kept = save_record(laptop.ws, "issue", "create", ISSUE, grid=GRID).record_id
    save_record(laptop.ws, "issue", "create", ISSUE, grid=NEXT_GRID)
    laptop.sync()
    with line.centre.store.writing() as connection:
        reassign(connection, line.centre.code, worker.user_id, [GRID], line.hands())
    request = Request(CENTRE, line.code(worker), PASSPHRASE, PASSPHRASE, "x")
    laptop.desk.join(request, laptop.call)
    assert laptop.sync(agreed=True).stage == "done"
    assert [view["record_id"] for view in views(laptop.ws, "issue")] == [kept]


def test_a_copy_from_before_a_device_in_the_databases_place_is_noticed_when_it_joins_again(
    joined, line, restored
):
    worker = line.worker()
    restored()
    laptop = joined("laptop", worker)
    save_issue(laptop.ws, title="备份后")
    laptop.sync()
    epoch = laptop.ws.identity.server_epoch
    restored()
    laptop.desk.join(Request(CENTRE, line.code(worker), PASSPHRASE, PASSPHRASE, "x"), laptop.call)
    assert laptop.sync().stage == "done"
    assert centre_titles(line) == ["备份后"]
    assert laptop.ws.identity.server_epoch != epoch


@pytest.fixture
def last_copy(joined, line, restored):
    """A laptop of two grids with the last copy there is of a record of the second, its worker, and
    what takes that grid from him."""
    worker = line.worker(grids=(GRID, NEXT_GRID))
    laptop = joined("laptop", worker)
    restored()
    made = save_record(laptop.ws, "issue", "create", ISSUE, grid=NEXT_GRID)
    laptop.sync()
    laptop.ws.table(CHANGES).remove(doc_ids=[made.change_id])  # pruned long ago
    restored("a-new-epoch")
    laptop.sync()
    assert get_view(laptop.ws, "issue", made.record_id)["copy"]["old"]

    def take_away():
        with line.centre.store.writing() as connection:
            reassign(connection, line.centre.code, worker.user_id, [GRID], line.hands())

    return laptop, worker, made.record_id, take_away


def test_a_last_copy_leaves_with_its_grid(last_copy):
    laptop, _, record_id, take_away = last_copy
    take_away()
    laptop.sync()
    assert get_view(laptop.ws, "issue", record_id) is None


def test_a_last_copy_leaves_with_its_grid_once_the_worker_agreed(last_copy):
    laptop, _, record_id, take_away = last_copy
    for _ in range(12):
        save_record(laptop.ws, "issue", "create", ISSUE, grid=NEXT_GRID)
    laptop.sync()
    take_away()
    assert laptop.sync().error == "scope_shrinks"
    assert get_view(laptop.ws, "issue", record_id) is not None
    assert laptop.sync(agreed=True).stage == "done"
    assert views(laptop.ws, "issue") == []


def test_a_last_copy_leaves_with_its_grid_when_the_laptop_joins_again(last_copy, line):
    laptop, worker, record_id, take_away = last_copy
    take_away()
    laptop.desk.join(Request(CENTRE, line.code(worker), PASSPHRASE, PASSPHRASE, "x"), laptop.call)
    assert laptop.sync(agreed=True).stage == "done"
    assert get_view(laptop.ws, "issue", record_id) is None


def test_a_last_copy_an_earlier_program_left_behind_leaves_once(last_copy):
    laptop, _, record_id, take_away = last_copy
    take_away()
    laptop.ws.keep_setting("identity", grids=[GRID])  # told with an answer that waited for his word
    place = laptop.ws.setting("cursor")
    laptop.ws.put("settings", "cursor", {name: place[name] for name in place if name != "grids"})
    laptop.sync()
    assert get_view(laptop.ws, "issue", record_id) is None
