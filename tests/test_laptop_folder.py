"""What the laptop's folder is built from holds everything the program reads while it runs."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from tests.test_architecture import ROOT, tracked

SPEC = ROOT / ".ci" / "laptop.spec"
NO_DATA = {".py", ".cfg"}


class Part:
    """Stands in for one of PyInstaller's steps and keeps what it was told."""

    def __init__(self, *told: Any, **named: Any) -> None:
        self.told, self.named = told, named
        self.pure = self.scripts = self.binaries = self.datas = []


def told() -> dict[str, Any]:
    """Run the description of the build without building anything."""
    steps = dict.fromkeys(("Analysis", "PYZ", "EXE", "COLLECT"), Part)
    return runpy.run_path(str(SPEC), init_globals={**steps, "SPECPATH": str(SPEC.parent)})


def test_everything_that_is_no_module_goes_along() -> None:
    taken = [(Path(source), folder) for source, folder in told()["program"].named["datas"]]
    assert [str(source) for source, _ in taken if not source.exists()] == []

    def goes(path: Path) -> bool:
        return any(
            (ROOT / path == source and Path(folder) == path.parent)
            or (source in (ROOT / path).parents and ROOT / folder == source)
            for source, folder in taken
        )

    data = [path for path in tracked("field_app/**", "schemas/**") if path.suffix not in NO_DATA]
    assert data
    assert [str(path) for path in data if not goes(path)] == []


def test_licences_go_along() -> None:
    taken = {(Path(source).name, folder) for source, folder in told()["data"]()}
    assert ("LICENSE", ".") in taken
    folders = {folder for _, folder in taken}
    assert {"licences/flask", "licences/tinydb", "licences/cryptography"} <= folders


def test_what_is_left_out_is_not_used() -> None:
    code = "\n".join(
        (ROOT / path).read_text(encoding="utf-8")
        for path in tracked("field_app/*.py", "schemas/*.py")
    )
    assert [name for name in told()["LEFT_OUT"] if f"import {name}" in code] == []


def test_languages_of_the_pages_stay() -> None:
    wanted = told()["wanted"]
    assert wanted(("babel/locale-data/zh_Hans_CN.dat", "", "DATA"))
    assert wanted(("babel/locale-data/en.dat", "", "DATA"))
    assert not wanted(("babel/locale-data/fr.dat", "", "DATA"))
    assert wanted(("field_app/templates/base.html", "", "DATA"))
