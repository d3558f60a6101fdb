"""The bills of materials name everything that is installed and served, and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
MADE_OF = {
    "laptop": ("requirements.txt", "field_app"),
    "centre": ("requirements/server.txt", "sync_server"),
}


@pytest.fixture(scope="module")
def bills(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("sbom")
    line = [sys.executable, str(ROOT / ".ci" / "sbom.py"), str(folder)]
    subprocess.run(line, check=True, capture_output=True, timeout=60)
    return {name: json.loads((folder / f"sbom-{name}.json").read_text("utf-8")) for name in MADE_OF}


@pytest.mark.parametrize("program", MADE_OF)
def test_a_bill_names_every_library_with_the_hashes_it_is_locked_by(bills, program) -> None:
    text = (ROOT / MADE_OF[program][0]).read_text(encoding="utf-8").replace("\\\n", " ")
    locked = {}
    for line in text.splitlines():
        if "==" in line and not line.startswith("#"):
            name, version = re.match(r"([\w.-]+)\S*?==(\S+)", line).groups()
            locked[f"pkg:pypi/{name}@{version}"] = sorted(re.findall(r"sha256:(\w{64})", line))
    told = {
        part["purl"]: sorted(one["content"] for one in part["externalReferences"][0]["hashes"])
        for part in bills[program]["components"]
        if part["purl"].startswith("pkg:pypi/")
    }
    assert told == locked
    assert {"requests", "pillow"} <= {one.split("/")[1].split("@")[0] for one in locked}


@pytest.mark.parametrize("program", MADE_OF)
def test_a_bill_names_every_file_a_browser_is_served_from_elsewhere(bills, program) -> None:
    folder = ROOT / MADE_OF[program][1] / "static" / "vendor"
    assets = json.loads((folder / "VENDORED.json").read_text(encoding="utf-8"))["assets"]
    files = {
        file["name"]: file["hashes"][0]["content"]
        for part in bills[program]["components"]
        for file in part.get("components", ())
        if file["type"] == "file"
    }
    assert files == {one["file"]: one["sha256"] for one in assets}


@pytest.mark.parametrize("program", MADE_OF)
def test_a_bill_is_of_the_standard_and_names_nothing_twice(bills, program) -> None:
    bill = bills[program]
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    refs = [part["bom-ref"] for part in bill["components"]]
    assert len(refs) == len(set(refs))
    assert bill["dependencies"] == [{"ref": program, "dependsOn": refs}]
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", bill["serialNumber"])
