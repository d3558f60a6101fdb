"""How fast base data is read: the compound file at the centre, doors searched on the laptop.

`python -m benchmarks.bench_base_data [--households 1200] [--others 8] [--doors 1000] [--rounds 30]`

A centre holds one compound of that many households (with people, care, issues, patrols, visits);
its file is opened again and again through the real app. A laptop's store holds that many doors;
each kind of search is typed again and again. Times are of this process's own work (CPU), so that a
busy machine does not count. The last line is one JSON object; exit code 1: a limit was missed.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from field_app.domain.identity import Identity
from field_app.domain.views import build_view, copy_of
from field_app.services import find
from field_app.services.workspace import SETTINGS, Workspace, indexes, put_all
from field_app.store.keys import Argon2Profile
from field_app.store.vault import Vault
from schemas.catalogue import kind_of
from schemas.clock import written
from sync_server.app import app_of
from sync_server.services import accounts
from sync_server.services.casework import fold_missing
from sync_server.services.centre import Centre, open_centre
from sync_server.services.ids import new_id
from sync_server.services.import_records import ImportedRecord, import_records
from sync_server.settings import Settings

FILE_MS, SEARCH_MS = 500, 50
COMMUNITY, GRID = "990101100009", "990101100009003"
NOW = datetime(2026, 9, 30, 4, 0, tzinfo=UTC)
SURNAMES, GIVEN = "王李张刘陈杨黄赵吴周徐孙马朱胡", "伟芳娜敏静丽强磊洋艳勇军杰娟涛明超秀霞平"
RARE = ("𠮷田靖", "欧阳㛃", "王䶮", "阿卜杜拉·买买提", "单雄信")
ROOMS_A_BUILDING = 36
SEARCHES = {
    "room": "3-1-502", "room in words": "3号楼1单元502", "name": "王伟", "pinyin": "wangwei",
    "initials": "zlx", "phone tail": "0417", "rare character": "𠮷田", "middle dot": "买买提",
    "surname read otherwise": "shanxiongxin", "nothing": "没有这个人",
}  # fmt: skip


def people(rng: random.Random) -> str:
    """Return a name; one in three hundred is hard to print."""
    if rng.random() < 0.01:
        return rng.choice(RARE)
    return rng.choice(SURNAMES) + "".join(rng.choices(GIVEN, k=rng.choice((1, 2, 2))))


def compound(
    households: int, rng: random.Random, grid: str = GRID
) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Yield ``(kind, id, area, fields)`` of a compound with so many households in one grid."""
    whole = new_id()
    yield "compound", whole, COMMUNITY, {
        "code": "XQ-0001", "name": "幸福里", "kind": "compound", "address": "路1号",
        "community_code": COMMUNITY, "property_mode": "company", "guard": True, "barrier": True,
        "cctv": True, "self_gov": "owners", "households": households,
    }  # fmt: skip
    for number in range(households):
        building_no, place = divmod(number, ROOMS_A_BUILDING)
        if place == 0:
            building = new_id()
            fields = {"compound_id": whole, "no": str(building_no + 1), "head": people(rng)}
            yield "building", building, grid, fields
        unit, floor, flat = place % 3 + 1, place // 6 + 1, place // 3 % 2 + 1
        label = f"{building_no + 1}-{unit}-{floor}0{flat}"
        room, home = new_id(), new_id()
        yield "room", room, grid, {"building_id": building, "no": label[-3:], "label": label,
                                   "state": "owner", "unit_no": str(unit)}  # fmt: skip
        yield "household", home, grid, {
            "code": f"H{number:05d}", "room_id": room, "kind": "family",
            "phone": f"1000000{number % 10000:04d}",
        }  # fmt: skip
        for member in range(rng.choice((1, 2, 3, 4))):
            person = new_id()
            yield "resident", person, grid, {
                "name": people(rng), "sex": "1", "birth": f"{1940 + (number + member) % 80}-05",
                "relation": "02" if member == 0 else "20", "household_id": home,
                "reside": "registered", "notice_version": "2026-1", "notice_at": written(NOW),
                "basis": "consent",
            }  # fmt: skip
            if rng.random() < 0.062:
                yield "care", new_id(), grid, {
                    "resident_id": person, "cats": ["alone"], "risk": "general",
                    "visit_every_days": 90, "keeper_id": new_id(), "since": "2026-01-01",
                    "basis": "consent",
                }  # fmt: skip
        if number % 2 == 0:
            at = written(NOW - timedelta(days=number % 90, minutes=number))
            yield "visit", new_id(), grid, {
                "visited_at": at, "household_id": home, "purposes": ["daily"], "mode": "door",
                "result": "met", "notice_given": True,
            }  # fmt: skip
        if number % 8 == 0:
            yield "issue", new_id(), grid, {
                "happened_at": written(NOW - timedelta(days=number % 90)), "category": "ENV",
                "title": "楼道堆物", "text": "纸箱", "level": "1", "urgency": "normal",
                "source": "patrol", "place": label, "compound_id": whole,
            }  # fmt: skip
    for day in range(90):
        for slot in ("1", "2", "3"):
            start = NOW - timedelta(days=day)
            yield "patrol", new_id(), grid, {
                "slot": slot, "started_at": written(start),
                "ended_at": written(start + timedelta(minutes=40)), "covered_ids": [whole],
                "items": {"green": {"result": "ok"}},
            }  # fmt: skip


def timed(work: Callable[[], Any], rounds: int) -> dict[str, float]:
    """Return the median and the 95th percentile of a work's own milliseconds."""
    work()
    took = []
    for _ in range(rounds):
        begun = time.process_time()
        work()
        took.append((time.process_time() - begun) * 1000)
    took.sort()
    return {
        "median": round(statistics.median(took), 1),
        "p95": round(took[-max(1, rounds // 20)], 1),
    }


def centre_file(folder: Path, households: int, others: int, rounds: int) -> dict[str, Any]:
    """Open the compound's file through the app, as a district's staff does; ``others`` compounds of
    that size lie in other grids."""
    opened: Centre = open_centre(Settings(folder, district="990101", testing=True), lambda: NOW)
    whole, count = fill_centre(opened, households, others)
    app = app_of(opened)
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    client.post("/sign-in", data={"no": "d", "password": "correct horse battery"})

    def open_file() -> None:
        answer = client.get(f"/compounds/{whole}/file")
        assert answer.status_code == 200, answer.status_code

    found = timed(open_file, rounds)
    opened.store.close()
    return {"records": count, **found}


def fill_centre(opened: Centre, households: int, others: int) -> tuple[str, int]:
    """Fill a centre and return the compound's id and how many records there are. What they were
    made of goes with this function: no centre holds it, and the collector would walk through it."""
    rng = random.Random(1)
    rows = list(compound(households, rng))
    for number in range(others):
        rows += compound(households, rng, f"{COMMUNITY}{number + 10:03d}")
    with opened.store.writing() as connection:
        person = accounts.add_user(
            connection, opened.code, no="d", name="孙演示", role="district",
            scope_codes=["990101"], password="correct horse battery", now=NOW,
        )  # fmt: skip
        made = [ImportedRecord(one, kind, area, fields, person.user_id, written(NOW))
                for kind, one, area, fields in rows]  # fmt: skip
        import_records(connection, opened.code, made, author=None, at=NOW)
    fold_missing(opened.store, opened.code, NOW)
    return next(one for kind, one, _, _ in rows if kind == "compound"), len(rows)


def laptop_searches(folder: Path, doors: int, rounds: int) -> dict[str, Any]:
    """Type each kind of search on a laptop that holds so many doors."""
    vault = Vault(folder, argon=Argon2Profile(memory_kib=64, iterations=1, lanes=1),
                  indexes=indexes())  # fmt: skip
    store, _ = vault.create(new_id(), "林示例", "correct horse battery")
    ws = Workspace(store.db, lambda: NOW)
    by_kind: dict[str, dict[str, Any]] = {}
    for kind, one, area, fields in compound(doors, random.Random(2)):
        if kind in ("visit", "issue", "patrol"):
            continue
        update = {"record_id": one, "kind": kind, "schema": kind_of(kind).info.version,
                  "grid": area, "version": 1,
                  "last": {"author": "x", "made_at": written(NOW)}}  # fmt: skip
        by_kind.setdefault(kind, {})[one] = build_view(copy_of(update, fields, None), [])
    identity = Identity(
        "http://127.0.0.1", new_id(), "本", "t", "11" * 32, "22" * 32, new_id(), "W1", "林示例",
        "worker", "990101", (GRID,), "33" * 32, "e", written(NOW),
    )  # fmt: skip
    with ws.db.transaction():
        put_all(ws.db, SETTINGS, {"cursor": {"value": "c"}, "identity": identity.document()})
        for kind, views in by_kind.items():
            put_all(ws.db, kind, views)
    begun = time.process_time()
    held = find.warm(ws)
    first = (time.process_time() - begun) * 1000
    found: dict[str, Any] = {"doors": held, "index_ms": round(first, 1)}
    for name, text in SEARCHES.items():
        hits = find.find_doors(ws, text).total
        found[name] = {"hits": hits, **timed(lambda text=text: find.find_doors(ws, text), rounds)}
    store.close()
    return found


def main() -> int:
    """Measure, print, and tell by the exit code whether the limits hold."""
    asked = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    asked.add_argument("--households", type=int, default=1_200)
    asked.add_argument("--others", type=int, default=8)
    asked.add_argument("--doors", type=int, default=1_000)
    asked.add_argument("--rounds", type=int, default=30)
    args = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = centre_file(Path(folder) / "centre", args.households, args.others, args.rounds)
        searches = laptop_searches(Path(folder) / "laptop", args.doors, args.rounds)
    slowest = max(one["p95"] for one in searches.values() if isinstance(one, dict))
    missed = [
        *(["compound file"] if file["median"] > FILE_MS else []),
        *(["search"] if slowest > SEARCH_MS else []),
    ]
    print(f"compound file, {args.households} households: {file}")
    for name, one in searches.items():
        print(f"search, {name}: {one}")
    facts = {"compound_file_ms": file, "search": searches, "slowest_search_p95_ms": slowest}
    print(json.dumps(facts | {"missed": missed}, ensure_ascii=False))
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
