"""The plan of the house: floors, names, sizes and what the pure rules may not touch."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ["field_app", "sync_server", "schemas", "demo", "benchmarks"]
TOP_FOLDERS = {*PACKAGES, ".ci", "docs", "requirements", "tests"}
# Modules are checked by import-linter; these are the folders an app may have besides them.
ASSET_FOLDERS = {"static", "templates", "translations"}
FLOORS = {
    "field_app": {"web", "cli", "timer", "services", "store", "sync_client", "domain"},
    "sync_server": {"web", "cli", "services", "store", "domain"},
}
VAGUE_NAMES = {"util", "utils", "helper", "helpers", "common", "manager", "managers", "misc"}
LONGEST_FILE = 450
# What reads a clock, a file or a terminal; rules on plain values are handed these instead.
IMPURE_CALLS = {"open", "input", "print"}
IMPURE_METHODS = {"now", "utcnow", "today", "monotonic", "read_text", "write_text"}


def tracked(*patterns: str) -> list[Path]:
    """Return the files git knows or would add, so that leftovers on a disk do not count."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *patterns]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    names = filter(None, answer.stdout.split("\0"))
    return [Path(name) for name in names if (ROOT / name).is_file()]


def modules(*packages: str) -> Iterator[tuple[Path, ast.Module]]:
    """Yield every Python file of the packages, parsed."""
    for path in tracked(*(f"{package}/**.py" for package in packages)):
        yield path, ast.parse((ROOT / path).read_text(encoding="utf-8"), str(path))


def test_imports_point_downwards():
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    answer = subprocess.run(
        [sys.executable, "-c", program, "--no-logo", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_every_top_folder_is_planned():
    assert {path.parts[0] for path in tracked() if len(path.parts) > 1} <= TOP_FOLDERS


@pytest.mark.parametrize("app", FLOORS)
def test_every_folder_of_an_app_is_a_known_floor(app):
    folders = {path.parts[1] for path in tracked(f"{app}/**") if len(path.parts) > 2}
    assert folders <= FLOORS[app] | ASSET_FOLDERS


def test_every_module_says_what_it_is():
    silent = [
        str(path)
        for path in tracked(*(f"{package}/**.py" for package in (*PACKAGES, "tests")))
        if not (text := (ROOT / path).read_text(encoding="utf-8")).startswith('"""')
        and not has_docstring(ast.parse(text))  # quick to tell of most, without understanding them
    ]
    assert silent == []


def test_every_public_function_and_class_says_what_it_does():
    silent = [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in modules(*PACKAGES)
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not has_docstring(node)
    ]
    assert silent == []


def has_docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return bool(ast.get_docstring(node))


def test_no_name_is_a_drawer_for_leftovers():
    vague = [
        str(path)
        for path in tracked("*.py")
        for part in path.with_suffix("").parts
        if VAGUE_NAMES & set(part.split("_"))
    ]
    assert vague == []


def test_no_file_outgrows_one_subject():
    lengths = {
        str(path): len((ROOT / path).read_text(encoding="utf-8").splitlines())
        for path in tracked("*.py")
    }
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_rules_read_no_clock_no_file_and_no_terminal():
    impure = [
        f"{path}:{node.lineno} {name}"
        for path, tree in modules("field_app/domain", "sync_server/domain")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and (name := impure_name(node.func))
    ]
    assert impure == []


def impure_name(function: ast.expr) -> str | None:
    match function:
        case ast.Name(id=name) if name in IMPURE_CALLS:
            return name
        case ast.Attribute(attr=name) if name in IMPURE_METHODS:
            return name
        case ast.Attribute(value=ast.Name(id="time"), attr="time"):
            return "time.time"
    return None


def test_functions_and_classes_have_english_names():
    chinese = re.compile(r"^\s*(?:def|async def|class)\s+\w*[\u3400-\u9fff]", re.M)
    named = [
        str(path)
        for path in tracked(*(f"{package}/**.py" for package in PACKAGES))
        if chinese.search((ROOT / path).read_text(encoding="utf-8"))
    ]
    assert named == []
