"""Loading a demo world: all of it or nothing, into empty districts alone, and as files."""

import json
from collections import Counter

import pytest
import sqlalchemy as sa

from sync_server.domain.errors import Refusal
from sync_server.domain.service_counts import Counts
from sync_server.domain.world import WorldRecord, generate
from sync_server.domain.world.grids import period
from sync_server.domain.world.seeds import Seed
from sync_server.domain.world.service_lives import Lives
from sync_server.services import service_cases
from sync_server.services.accounts import LAPTOP_ROLES, list_users, sign_in, user_by_no
from sync_server.services.centre import open_centre, reopened
from sync_server.services.demo_world import build, write_files
from sync_server.services.districts import district_of
from sync_server.settings import Settings
from sync_server.store import records_read
from sync_server.store.case_tables import case_numbers, cases
from sync_server.store.service_cases import Wanted, walk
from sync_server.store.tables import changes, records
from tests.sync_server.world import DISTRICT, GRID, NOON, StillClock, add_worker, join


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """A centre with Tier S, and what was built; tests only read it."""
    folder = tmp_path_factory.mktemp("demo")
    centre = open_centre(Settings(folder / "centre", district=DISTRICT, testing=True), StillClock())
    told = []
    built = build(centre.store, "S", now=NOON, progress=lambda *step: told.append(step))
    yield reopened(centre), built, told
    centre.store.close()


def counted(connection) -> Counter[str]:
    """Return how many records of each kind a database holds."""
    wanted = sa.select(records.c.kind, sa.func.count()).group_by(records.c.kind)
    return Counter(dict(connection.execute(wanted).all()))


def test_a_built_world_is_all_there(any_centre):
    built = build(any_centre.store, "S", now=NOON)
    with any_centre.store.reading() as connection:
        assert counted(connection) == built.records
        district = district_of(connection, DISTRICT)
        people = list_users(connection, DISTRICT)
        logged = connection.scalar(sa.select(sa.func.count()).select_from(changes))
    assert (district.synthetic, district.name) == (True, "繁山县")
    assert district.settings["demo_world"]["digest"] == built.digest == generate("S").digest()
    assert logged == sum(built.records.values())
    assert all(person.demo for person in people)
    assert {person.user_id for person in people} == {u.user_id for u in generate("S").users}


def test_no_number_of_the_world_is_given_out_again(loaded):
    centre, _, _ = loaded
    with centre.store.reading() as connection:
        given = [row.no for row in connection.execute(sa.select(cases.c.no)) if row.no]
        last = connection.execute(sa.select(case_numbers.c.last)).scalar_one()
    assert last == max(int(no[-6:]) for no in given) == len(given)


def test_every_unit_has_somebody_and_no_step_of_the_world_was_overtaken(loaded):
    centre, built, _ = loaded
    with centre.store.reading() as connection:
        people = list_users(connection, DISTRICT)
        overtaken = connection.scalar(sa.select(sa.func.sum(cases.c.overtaken)))
    assert len({one.unit_id for one in people if one.unit_id}) == built.records["unit"]
    assert overtaken == 0


def test_those_who_get_a_password_sign_in_with_it_and_nobody_else_has_one(loaded):
    centre, built, _ = loaded
    for account in built.accounts:
        person = sign_in(centre.store, DISTRICT, account.no, account.password, NOON)
        assert (person.role, person.scope_codes) == (account.role, account.scope_codes)
    assert {account.role for account in built.accounts} == {
        "community",
        "street",
        "district",
        "admin",
        "department",
        "company",
        "leader",
    }
    assert [account.no for account in built.accounts if account.role in LAPTOP_ROLES] == ["L009003"]
    with pytest.raises(Refusal, match="sign_in_failed"):
        sign_in(centre.store, DISTRICT, "W009003", "", NOON)


def test_passwords_are_new_each_time_and_not_among_the_facts(loaded, centre):
    _, built, _ = loaded
    again = build(centre.store, "S", now=NOON)
    assert again.digest == built.digest
    assert {a.password for a in again.accounts}.isdisjoint(a.password for a in built.accounts)
    assert not any(a.password in json.dumps(built.as_json()) for a in built.accounts)


def test_the_scripted_worker_s_laptop_gets_his_grid(loaded):
    centre, built, _ = loaded
    with centre.store.reading() as connection:
        worker = user_by_no(connection, DISTRICT, built.persona.worker_no)
    laptop = join(centre, worker)
    while laptop.send()["more"]:
        pass
    held = Counter(record["kind"] for record in laptop.records.values())
    assert held["household"] == 362
    assert held["compound"] == 19
    assert held["notice"] == 1
    assert held["resident"] > 800
    assert built.persona.returned_issue in laptop.records
    assert {r["grid"] for r in laptop.records.values() if r["kind"] == "resident"} == {GRID}


def test_the_centre_counts_service_requests_as_the_generator_drew_them(loaded):
    centre, _, _ = loaded
    world = generate("S")
    lives = Lives(Seed(1), world.staff, period("S", world.today).end)
    service_cases.bring_up_to_date(centre.store, DISTRICT)
    found, drawn = Counts(), Counter()
    with centre.store.reading() as connection:
        rows = list(walk(connection, DISTRICT, Wanted((DISTRICT,))))
        stored = records_read.by_ids(connection, DISTRICT, [row.service_id for row in rows])
        homes = [one["fields"]["household_id"] for one in stored.values()]
        places = records_read.by_ids(connection, DISTRICT, homes)
    for row in rows:
        one = stored[row.service_id]
        grid = places[one["fields"]["household_id"]]["grid"]
        request = WorldRecord(**{name: one[name] for name in WorldRecord.__slots__})
        life = lives.life(request, world.staff.workers[grid], world.staff.leaders[grid])
        if life.ends_at > lives.end:
            continue
        found.add(row, NOON)
        drawn["items"] += bool(life.kept)
        drawn["person_times"] += life.person_times or 0
        drawn["ratings"] += life.rating is not None
        drawn.update(name for name, kept in life.kept.items() if kept)
        drawn.update(f"{name} late" for name, kept in life.kept.items() if kept is False)
    assert found.items == drawn["items"] > 10
    assert found.person_times == drawn["person_times"] > found.items
    assert found.ratings == drawn["ratings"] > 0
    for name, share in found.clocks.items():
        assert (share.met, share.late) == (drawn[name], drawn[f"{name} late"]), name


def test_progress_ends_with_all_of_it(loaded):
    _, built, told = loaded
    total = sum(built.records.values())
    assert told[-1] == (total, total)
    assert all(done <= about for done, about in told)
    assert abs(told[0][1] / total - 1) < 0.1


def test_a_world_is_not_loaded_twice(loaded):
    centre, _, _ = loaded
    with pytest.raises(Refusal, match="district_not_empty"):
        build(centre.store, "S", seed=2, now=NOON)


def test_real_data_never_become_demo_data(centre):
    add_worker(centre)
    with pytest.raises(Refusal, match="district_not_empty"):
        build(centre.store, "S", now=NOON)
    with centre.store.reading() as connection:
        assert not district_of(connection, DISTRICT).synthetic


def test_an_interrupted_build_leaves_nothing_and_can_be_begun_again(centre):
    def stop(done: int, about: int) -> None:
        if done >= 3_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(centre.store, "S", now=NOON, progress=stop)
    with centre.store.reading() as connection:
        assert counted(connection) == {}
        assert not district_of(connection, DISTRICT).synthetic
        assert list_users(connection, DISTRICT) == []
    assert build(centre.store, "S", now=NOON).records["household"] == 2155


def test_an_unknown_world_is_refused_before_anything_is_touched(centre):
    with pytest.raises(ValueError, match="'B'"):
        build(centre.store, "B", now=NOON)
    with centre.store.reading() as connection:
        assert not district_of(connection, DISTRICT).synthetic


def test_files_are_the_same_bytes_each_time_and_say_what_they_are(loaded, tmp_path):
    _, built, _ = loaded
    first, second = (write_files("S", tmp_path / name) for name in ("a", "b"))
    assert first == second
    assert first.digest == built.digest
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == sorted(
        [*(f"{kind}.jsonl" for kind in built.records), "user.jsonl", "world.json"]
    )
    for name in names:
        content = (tmp_path / "a" / name).read_bytes()
        assert content == (tmp_path / "b" / name).read_bytes()
        lines = content.decode().splitlines()
        assert json.loads(lines[0])["synthetic"] is True
        if name.removesuffix(".jsonl") in built.records:
            assert len(lines) == built.records[name.removesuffix(".jsonl")] + 1


def test_files_are_not_written_among_others(tmp_path):
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(Refusal, match="folder_unusable"):
        write_files("S", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
