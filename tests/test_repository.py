"""What is promised about the repository itself: locks, vendored assets, nothing from elsewhere."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from tests.test_architecture import ROOT, tracked

LOCKS = {
    "requirements/laptop.in": "requirements.txt",
    "requirements/server.in": "requirements/server.txt",
    "requirements/dev.in": "requirements/dev.txt",
    "requirements/build.in": "requirements/build.txt",
    "requirements/compile.in": "requirements/compile.txt",
}
VENDOR_FOLDERS = ["field_app/static/vendor", "sync_server/static/vendor"]
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?==(?P<version>[^\s;\\]+)")
# A page that loads anything from elsewhere breaks without a network.
FOREIGN_ASSET = re.compile(
    r"""(?:src|href|action|srcset|data|hx-[a-z]+)\s*=\s*["']?\s*(?:https?:)?//"""
    r"""|url\(\s*["']?(?:https?:)?//"""
    r"""|@import\s+["'](?:https?:)?//"""
    r"""|\b(?:from|import)\s*\(?\s*["'](?:https?:)?//""",
    re.IGNORECASE,
)


def pins(file_name: str) -> dict[str, str]:
    """Return name -> version of every pinned line, names in their canonical form."""
    lines = (ROOT / file_name).read_text(encoding="utf-8").splitlines()
    found = filter(None, map(PIN.match, lines))
    return {re.sub(r"[-_.]+", "-", pin["name"]).lower(): pin["version"] for pin in found}


@pytest.mark.parametrize("source", LOCKS)
def test_every_input_is_pinned(source):
    lines = (ROOT / source).read_text(encoding="utf-8").splitlines()
    wanted = [line for line in lines if line and not line.startswith(("#", "-r "))]
    assert [line for line in wanted if not PIN.match(line)] == []


@pytest.mark.parametrize(("source", "lock"), LOCKS.items())
def test_the_lock_is_in_step_with_its_input(source, lock):
    assert pins(source).items() <= pins(lock).items()


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [
        ("requirements.txt", "requirements/server.txt"),
        ("requirements/server.txt", "requirements/dev.txt"),
        ("requirements.txt", "requirements/build.txt"),
        ("requirements/compile.txt", "requirements/dev.txt"),
    ],
)
def test_the_larger_lock_holds_the_smaller(smaller, larger):
    assert pins(smaller).items() <= pins(larger).items()


@pytest.mark.parametrize("lock", LOCKS.values())
def test_every_locked_requirement_has_a_hash(lock):
    text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    entries = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert entries
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", LOCKS.values())
def test_a_lock_does_not_say_where_its_files_came_from(lock):
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert re.findall(r"https?://|file:|--find-links|--(?:extra-)?index-url|(?m:^/)", text) == []


@pytest.mark.parametrize("folder", VENDOR_FOLDERS)
def test_vendored_assets_are_what_was_recorded(folder):
    assets = json.loads((ROOT / folder / "VENDORED.json").read_text(encoding="utf-8"))["assets"]
    for asset in assets:
        data = (ROOT / folder / asset["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == asset["sha256"], asset["file"]
        assert re.fullmatch(r"\d+\.\d+\.\d+", asset["version"])
        assert asset["licence"]
        words = (ROOT / folder / asset["licence_file"]).read_text(encoding="utf-8")
        assert words.strip()
        for name, licence in asset.get("contains", {}).items():
            assert f"It contains {name} ({licence}):" in words


@pytest.mark.parametrize("folder", VENDOR_FOLDERS)
def test_no_vendored_file_goes_unrecorded(folder):
    assets = json.loads((ROOT / folder / "VENDORED.json").read_text(encoding="utf-8"))["assets"]
    recorded = {asset[key] for asset in assets for key in ("file", "licence_file")}
    present = {path.name for path in tracked(f"{folder}/**")}
    assert present == recorded | {"VENDORED.json"}


def test_both_apps_draw_alike():
    """Neither app may use the other's files, so that each carries this one; they stay the same."""
    of_laptop, of_centre = (
        (ROOT / app / "static" / "drawing.js").read_bytes() for app in ("field_app", "sync_server")
    )
    assert of_laptop == of_centre


def test_no_page_loads_anything_from_elsewhere():
    shown = [
        path
        for path in tracked("*/templates/**", "*/static/**")
        if path.suffix in {".html", ".css", ".js", ".svg", ".xml", ".jinja"}
    ]
    foreign = [
        f"{path}: {found.group()}"
        for path in shown
        for found in FOREIGN_ASSET.finditer((ROOT / path).read_text(encoding="utf-8"))
        # A library's script may name its home in a link, which loads nothing.
        if not (path.suffix == ".js" and path.parent.name == "vendor" and "href" in found.group())
    ]
    assert foreign == []


@pytest.mark.parametrize(
    "line",
    [
        '<script src="https://cdn.example/x.js">',
        "<link href='//cdn.example/x.css'>",
        "body { background: url(http://cdn.example/x.png) }",
        'import x from "https://cdn.example/x.js"',
    ],
)
def test_a_foreign_asset_would_be_noticed(line):
    assert FOREIGN_ASSET.search(line)


def test_no_file_knows_where_the_checkout_lies():
    place = f"{ROOT.as_posix()}/".encode()
    assert [str(path) for path in tracked() if place in read_bytes(path)] == []


def read_bytes(path: Path) -> bytes:
    return (ROOT / path).read_bytes()
