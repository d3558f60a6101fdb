"""Compiled modules: taken where they fit, and otherwise the program runs as it is written."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from sync_server import compiled
from sync_server.cli import compiling
from tests.sync_server.cli.lines import ROOT, environment

MODULE = "schemas.pinyin"
FILES = ["sync_server/__init__.py", "sync_server/compiled.py", "schemas/__init__.py"]
FILES += ["schemas/pinyin.py", "schemas/pinyin.txt"]
ASKS = """
import logging, sys
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
from sync_server import compiled
compiled.install()
from schemas import pinyin
print(pinyin.__file__)
assert pinyin.__spec__.origin == pinyin.__file__
print("".join(pinyin.syllables("网格")), getattr(pinyin, "ANOTHER", ""))
compiled.tell()
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one module compiled."""
    need_compiler()
    folder = tmp_path_factory.mktemp("compiled")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "MODULES", (MODULE,))
        patch.setenv("CFLAGS", "-O0")
        assert compiling.build(folder) == 1
        [file] = folder.iterdir()
        assert compiling.build(folder) == 0
        assert list(folder.iterdir()) == [file]
    return folder


def need_compiler() -> None:
    """Skip where nothing can be compiled; that Cython is there is part of the requirements."""
    try:
        compiling.check_tools()
    except compiling.Refusal as refusal:
        if refusal.code != "compile_no_compiler":
            raise
        pytest.skip(f"no C compiler: {refusal.facts['missing']}")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """As much of the program as loads one module, to be altered."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def ask(checkout: Path, said: str = "") -> tuple[Path, str, list[str]]:
    """Load the module in a process of its own; return its file, what it answers, and the log."""
    done = subprocess.run(
        [sys.executable, "-c", ASKS], cwd=checkout, capture_output=True, encoding="utf-8",
        env=environment() | {"PYTHONPATH": "", compiled.VARIABLE: said}, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    file, answer, *log = done.stdout.splitlines()
    return Path(file), answer.rstrip(), log


def place_of(checkout: Path) -> Path:
    place = checkout / "build" / "compiled"
    place.mkdir(parents=True, exist_ok=True)
    return place


def test_a_file_that_fits_is_taken(checkout: Path, made: Path) -> None:
    shutil.copytree(made, place_of(checkout), dirs_exist_ok=True)
    file, answer, log = ask(checkout)
    assert (file.parent, answer) == (place_of(checkout), "wangge")
    assert file.name.endswith(EXTENSION_SUFFIXES[0])
    assert log[0].startswith(f"modules={len(compiled.MODULES)} take changes in, compiled=1 of")
    assert MODULE not in log[0].partition("others=")[2].split(",")
    shutil.rmtree(place_of(checkout))
    assert ask(checkout) == (checkout / "schemas" / "pinyin.py", "wangge", [])
    assert ask(checkout, str(made))[0].parent == made  # wherever the environment says


def test_once_the_source_is_another_it_is_what_runs(checkout: Path, made: Path) -> None:
    shutil.copytree(made, place_of(checkout), dirs_exist_ok=True)
    source = checkout / "schemas" / "pinyin.py"
    source.write_text(source.read_text("utf-8") + "\nANOTHER = 1\n", "utf-8")
    file, answer, log = ask(checkout)
    assert (file, answer) == (source, "wangge 1")
    check_left(log)


def check_left(log: list[str]) -> None:
    """One line says that the module runs from its source, and what to do."""
    [line] = log
    assert "compiled=0 of them" in line
    assert "run python -m sync_server compile again" in line
    assert MODULE in line.partition("others=")[2].split(",")


def test_turned_off_nothing_is_looked_for(checkout: Path, made: Path) -> None:
    shutil.copytree(made, place_of(checkout), dirs_exist_ok=True)
    assert ask(checkout, "0") == (checkout / "schemas" / "pinyin.py", "wangge", [])


def test_a_damaged_file_is_not_even_opened(checkout: Path, made: Path) -> None:
    [whole] = made.iterdir()
    content = bytearray(whole.read_bytes())
    for damaged in (content[: len(content) // 2], b"", spoilt(content)):
        (place_of(checkout) / whole.name).write_bytes(damaged)
        file, answer, log = ask(checkout)
        assert (file, answer) == (checkout / "schemas" / "pinyin.py", "wangge")
        check_left(log)


def spoilt(content: bytearray) -> bytes:
    """The code's own part of a file zeroed: opening it would end the process."""
    third = len(content) // 3
    return bytes(content[:third]) + bytes(third) + bytes(content[2 * third :])


@pytest.mark.parametrize("content", [b"of another system", b""])
def test_what_cannot_be_loaded_leaves_the_module_to_its_source(
    checkout: Path, content: bytes
) -> None:
    source = checkout / "schemas" / "pinyin.py"
    name = compiled.name_of(MODULE, compiled.print_of(source.read_bytes()), content)
    (place_of(checkout) / name).write_bytes(content)
    file, answer, log = ask(checkout)
    assert (file, answer) == (source, "wangge")
    assert log[0].startswith(f"module={MODULE} cannot be loaded as it was compiled: ")
    check_left(log[1:])


def test_what_fails_while_it_is_executed_leaves_the_module_to_its_source(
    checkout: Path, made: Path
) -> None:
    """Made from a source that raises, kept under the name of today's."""
    source = checkout / "schemas" / "pinyin.py"
    broken = checkout / "other"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "ROOT", checkout)
        patch.setattr(compiled, "MODULES", (MODULE,))
        patch.setenv("CFLAGS", "-O0")
        today = source.read_bytes()
        source.write_bytes(b"GONE = 1\nraise RuntimeError('elsewhere')\n")
        assert compiling.build(broken) == 1
        source.write_bytes(today)
    [file] = broken.iterdir()
    content = file.read_bytes()
    name = compiled.name_of(MODULE, compiled.print_of(today), content)
    (place_of(checkout) / name).write_bytes(content)
    loaded, answer, log = ask(checkout)
    assert (loaded, answer) == (source, "wangge")
    assert log[0] == f"module={MODULE} cannot be loaded as it was compiled: elsewhere"
    check_left(log[1:])


def test_every_module_named_is_there_and_the_pin_is_what_is_said() -> None:
    assert [name for name in compiled.MODULES if not compiled.source_of(name).is_file()] == []
    assert len(set(compiled.MODULES)) == len(compiled.MODULES)
    pins = (ROOT / "requirements" / "compile.in").read_text(encoding="utf-8")
    assert re.search(r"^cython==(\S+)$", pins, re.MULTILINE)[1] == compiled.CYTHON


def test_nothing_of_the_program_is_imported_before_compiled_modules_are_found() -> None:
    asks = (
        "import sys, sync_server.__main__;"
        "print([n for n in sys.modules if n.partition('.')[0] in ('schemas', 'sync_server')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", asks], cwd=ROOT, env=environment(), capture_output=True,
        encoding="utf-8", check=True,
    )  # fmt: skip
    known = {"sync_server", "sync_server.compiled", "sync_server.__main__"}
    assert set(re.findall(r"'([\w.]+)'", done.stdout)) == known
