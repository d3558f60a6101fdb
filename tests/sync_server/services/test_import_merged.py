"""Registers that come again after people or homes of theirs were made one."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from sync_server.services import accounts, imports
from sync_server.services.merging import Wanted, merge_records
from sync_server.store.tables import records
from tests.sync_server.registers import AREAS, COMPOUNDS, HEADS, PEOPLE, Registry, workbook
from tests.sync_server.world import DISTRICT

BASE = workbook(("区域", AREAS), ("小区", COMPOUNDS))
_HERE, _HEADS = PEOPLE[1][:5], [*HEADS, "出生年月", "性别"]


def person(name: str, phone: str, head: str = "张一") -> list[str | None]:
    """Return a row of a register."""
    relation = "户主" if name == head else "非亲属"
    return [*_HERE, head, name, None, relation, phone, "1980-01", "男"]


class Town:
    """A centre with registers and somebody who merges."""

    def __init__(self, centre) -> None:
        self.centre = centre
        self.registry = Registry(centre)
        self.registry.run(BASE)
        with centre.store.writing() as connection:
            self.staff = accounts.add_user(
                connection, DISTRICT, no="d1", name="职员", role="district",
                scope_codes=(DISTRICT,), now=centre.clock(),
            )  # fmt: skip

    def run(self, *people: list[str | None]) -> dict[str, int]:
        return self.registry.run(workbook(("居民", [_HEADS, *people])))

    def register(self, title: str, *rows: list[str | None]) -> dict[str, int]:
        return self.registry.run(workbook((title, list(rows))))

    def find(self, kind: str, **fields: str):
        with self.centre.store.reading() as connection:
            rows = connection.execute(sa.select(records).where(records.c.kind == kind)).mappings()
            [row] = [
                row for row in rows if all(row["fields"].get(k) == v for k, v in fields.items())
            ]  # fmt: skip
        return row

    def home_of(self, name: str):
        wanted = self.find("resident", name=name)["fields"]["household_id"]
        with self.centre.store.reading() as connection:
            query = sa.select(records).where(records.c.record_id == wanted)
            return connection.execute(query).mappings().one()

    def merge(self, one, into) -> None:
        wanted = Wanted(one["record_id"], into["record_id"], {}, (one["version"], into["version"]))
        merge_records(self.centre.store, self.staff, wanted, self.centre.clock())

    def last_no(self) -> int:
        with self.centre.store.reading() as connection:
            return connection.scalar(sa.select(sa.func.max(records.c.change_no)))


@pytest.fixture
def town(centre) -> Town:
    """A centre with registers and somebody who merges."""
    return Town(centre)


def test_a_row_of_one_merged_twice_over_is_of_the_one_that_stands(town):
    rows = [person("张一", "10000000001"), person("张二", "10000000002"),
            person("张三", "10000000003")]  # fmt: skip
    town.run(*rows)
    for one, into in (("张一", "张二"), ("张二", "张三")):
        town.merge(town.find("resident", name=one), town.find("resident", name=into))
    before = town.last_no()
    assert town.run(*rows) == {"unchanged": 3}
    assert town.last_no() == before
    middle = town.find("resident", name="张二")
    newer = [person("张一", "10000007777"), *rows[1:]]
    assert town.run(*newer) == {"changed": 1, "unchanged": 2}
    assert town.find("resident", name="张三")["fields"]["phone"] == "10000007777"
    assert town.find("resident", name="张二") == middle
    assert town.run(*newer) == {"unchanged": 3}


def test_what_was_changed_in_one_merged_since_is_kept_when_it_is_taken_back(town):
    rows = [person("张一", "10000000001"), person("张二", "10000000002")]
    town.run(*rows)
    town.run(person("张一", "10000007777"), rows[1])
    town.merge(town.find("resident", name="张一"), town.find("resident", name="张二"))
    before = town.find("resident", name="张一")
    imports.undo(town.centre, town.registry.who, town.registry.last)
    town.registry.worker.work()
    assert town.registry.row(town.registry.last)["counts"]["kept"] == 1
    assert town.find("resident", name="张一") == before


def test_the_people_of_homes_that_were_made_one_are_found_in_either(town):
    rows = [person("张一", "10000000001"), person("王二", "10000000002"),
            person("李三", "10000000003", "李三")]  # fmt: skip
    numbered = [*PEOPLE[2][:5], "李三", *PEOPLE[2][6:8], "亲属", None, None, None]
    assert town.run(*rows, numbered) == {"new": 4, "along": 4}
    town.merge(town.home_of("张一"), town.home_of("李三"))
    assert town.run(*rows, numbered) == {"unchanged": 4}
    newer = [person("张一", "10000007777"), *rows[1:], person("赵四", "10000000004")]
    assert town.run(*newer, numbered) == {"changed": 1, "unchanged": 3, "new": 1}
    assert town.find("resident", name="张一")["fields"]["phone"] == "10000007777"
    assert town.run(*newer, numbered) == {"unchanged": 5}


def test_homes_and_people_of_rooms_that_were_made_one_are_found_in_either(town):
    other = person("李三", "10000000003", "李三")
    other[4] = "503"
    rows = [person("张一", "10000000001"), person("王二", "10000000002"), other]
    homes = [[*HEADS[:6], "户类型"], [*_HERE, "张一", "家庭户"],
             [*_HERE[:4], "503", "李三", "家庭户"]]  # fmt: skip
    town.run(*rows)
    assert town.register("住户", *homes) == {"unchanged": 2}
    town.merge(town.find("room", no="503"), town.find("room", no="502"))
    before = town.last_no()
    assert town.run(*rows) == {"unchanged": 3}
    assert town.register("住户", *homes) == {"unchanged": 2}
    assert town.last_no() == before


def test_the_care_of_one_merged_is_that_of_the_one_that_stands(town):
    town.run(person("张一", "10000000001"), person("张二", "10000000002"))
    care = [[*HEADS[:7], "关怀类别", "级别", "起始日期", "探访间隔"],
            [*_HERE, "张一", "张一", "独居", "高", "2024-03-05", "7"]]  # fmt: skip
    assert town.register("关怀对象", *care) == {"new": 1}
    town.merge(town.find("resident", name="张一"), town.find("resident", name="张二"))
    assert town.register("关怀对象", *care) == {"unchanged": 1}
