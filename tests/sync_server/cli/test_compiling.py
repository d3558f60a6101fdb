"""``compile``: what it makes runs as the sources do, and what it lacks it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sync_server import compiled
from sync_server.cli import compiling
from tests.journeys.world import Said, centre_command
from tests.sync_server.cli.lines import ROOT, environment
from tests.sync_server.test_compiled import need_compiler

JUDGED = [
    *(f"schemas/test_{one}.py" for one in ("accept", "check", "declarations", "pinyin", "values")),
    "schemas/test_privacy_and_search.py",
    *(f"sync_server/domain/test_{one}.py" for one in ("envelope", "merge", "times")),
    "sync_server/domain/test_working_calendar.py",
    *(f"sync_server/store/test_{one}.py" for one in ("bulk", "sending")),
    *(
        f"sync_server/services/test_{one}.py"
        for one in (
            "concurrency", "delivery", "exchange", "field_lines_at_once", "lines", "merges_random",
            "record_writing", "replay", "steps_any_order", "together",
        )
    ),
]  # fmt: skip
"""Tests that judge the exchange by what it leaves behind, many by properties."""
JUDGING = """
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from sync_server import compiled
finder = compiled.install()
import pytest
status = pytest.main(sys.argv[1:])
files = {name: getattr(sys.modules.get(name), "__file__", "absent") for name in compiled.MODULES}
written = {one: file for one, file in files.items() if not file.endswith(tuple(EXTENSION_SUFFIXES))}
print("not compiled:", written)
sys.exit(status or bool(written))
"""


@pytest.mark.slow
def test_compiled_the_exchange_has_the_same_properties(tmp_path: Path) -> None:
    need_compiler()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CFLAGS", "-O0")  # a third of the time; what is compiled is the same
        assert compiling.build(tmp_path) == len(compiled.MODULES)
    tests = [str(ROOT / "tests" / one) for one in JUDGED]
    known = {name: value for name, value in environment().items() if "PYTEST_XDIST" not in name}
    done = subprocess.run(
        [sys.executable, "-c", JUDGING, "-q", "-p", "no:cacheprovider", "-n", "0", *tests],
        cwd=ROOT, env=known | {compiled.VARIABLE: str(tmp_path)}, capture_output=True,
        encoding="utf-8", errors="replace", check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
    assert "not compiled: {}\n" in done.stdout


# What goes wrong ------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for what one small module is compiled to."""
    monkeypatch.setattr(compiled, "MODULES", ("sync_server.domain.times",))
    monkeypatch.setenv(compiled.VARIABLE, str(tmp_path / "compiled"))
    monkeypatch.setenv("CFLAGS", "-O0")
    return tmp_path / "compiled"


def check_refused(said: Said, *parts: str) -> None:
    assert (said.status, said.out) == (1, ""), said
    zh, _en = said.err.splitlines()
    assert any("\u4e00" <= sign <= "\u9fff" for sign in zh)
    assert [part for part in parts if part not in said.err] == []


def test_without_the_pinned_cython_it_says_what_to_install(place, monkeypatch) -> None:
    monkeypatch.setattr(compiled, "CYTHON", "0.29.99")
    check_refused(centre_command("compile"), "Cython 0.29.99", "requirements/compile.txt")
    assert not place.exists()


def test_without_a_compiler_it_says_so(place, monkeypatch) -> None:
    monkeypatch.setenv("CC", "no-such-cc -pthread")
    check_refused(centre_command("compile"), "no-such-cc", "apt-get install gcc python3-dev")
    assert not place.exists()


def test_a_compiler_that_fails_leaves_what_was_there(place, monkeypatch) -> None:
    need_compiler()
    place.mkdir()
    former = place / compiled.name_of(*compiled.MODULES, "0" * 16, b"former")
    former.write_bytes(b"former")
    monkeypatch.setenv("CFLAGS", "-no-such-flag")
    check_refused(centre_command("compile"))
    assert list(place.iterdir()) == [former]


def test_a_folder_nobody_can_write_is_named(place) -> None:
    need_compiler()
    place.write_bytes(b"a file")
    check_refused(centre_command("compile"), str(place))
    assert place.read_bytes() == b"a file"


def test_it_says_what_it_did_and_clears_what_was_made_from_former_sources(place) -> None:
    need_compiler()
    place.mkdir()
    [module] = compiled.MODULES
    kept = [place / "notes.txt", place / f"{module}.txt"]
    former = [place / compiled.name_of(one, "0" * 16, b"x") for one in (module, "schemas.gone")]
    for file in kept + former:
        file.write_bytes(b"x")
    said = centre_command("compile")
    assert (said.status, said.err) == (0, "")
    assert "modules compiled: 1," in said.out
    assert str(place) in said.out
    [made] = {*place.iterdir()} - {*kept}
    assert compiled.fits(place) == 1
    again = centre_command("compile")
    assert (again.status, "modules compiled: 0," in again.out) == (0, True)
    made.write_bytes(made.read_bytes()[:-1])  # damaged
    assert compiled.fits(place) == 0
    assert "modules compiled: 1," in centre_command("compile").out
    assert {*place.iterdir()} == {*kept, made}
