"""A town's registers in spreadsheets, brought into an empty centre by its command, twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa

from sync_server.domain.world.seeds import Seed
from sync_server.domain.world.shape import plan
from sync_server.services.centre import open_centre
from sync_server.settings import Settings
from sync_server.store.tables import records
from tests.journeys.world import centre_command

pytestmark = [pytest.mark.journey, pytest.mark.slow]


def facts(folder: Path) -> tuple[dict[str, int], int]:
    """Return how many there are of what a town is counted by, and the last change number."""
    centre = open_centre(Settings(folder))
    with centre.store.reading() as connection:
        rows = connection.execute(
            sa.select(records.c.kind, records.c.fields, records.c.change_no).where(
                records.c.voided.is_(False)
            )
        ).all()
    centre.store.close()
    counts: Counter[str] = Counter()
    for kind, fields, _ in rows:
        name = {"area": "level", "compound": "kind"}.get(kind)
        counts[fields[name] if name else kind] += 1
    wanted = ("community", "grid", "compound", "bungalow", "shop", "household", "resident")
    return {one: counts[one] for one in wanted}, max(row[2] for row in rows)


def test_a_world_comes_in_from_its_registers_exactly_and_a_second_time_changes_nothing(
    tmp_path: Path,
) -> None:
    files, data = tmp_path / "registers", tmp_path / "centre"
    said = centre_command("demo-world", "--world", "S", "--as-xlsx", str(files))
    assert said.status == 0, said
    books = [str(path) for path in sorted(files.iterdir())]
    said = centre_command("import", *books, "--data", str(data))
    assert said.status == 0, said
    [mine] = plan("S", Seed(1))
    expected = {
        "community": 1, "grid": mine.grids, "compound": len(mine.compounds),
        "bungalow": mine.bungalows, "shop": mine.shops, "household": mine.households,
        "resident": mine.people,
    }  # fmt: skip
    found, last = facts(data)
    assert found == expected
    said = centre_command("import", *books, "--data", str(data))
    assert said.status == 0, said
    assert "新增" not in said.out
    assert "修改" not in said.out
    assert facts(data) == (expected, last)
