"""``python -m sync_server compile``: the modules that take changes in, compiled with Cython."""

from __future__ import annotations

import argparse
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from sync_server import compiled
from sync_server.cli import cythonizing
from sync_server.domain.errors import Refusal
from sync_server.settings import Settings

MADE = Path("made")


def add_options(add: Any) -> None:
    """Add the sub-command."""
    add(
        "compile",
        "用 Cython 编译收数据的模块，服务器重启后更快；每次升级后再运行一次。需要 C 编译器和"
        " requirements/compile.txt。",
        "Compile the modules that take changes in; a server started afterwards is faster. Run it"
        " again after each upgrade. It needs a C compiler and requirements/compile.txt.",
    )


def command(settings: Settings, args: argparse.Namespace) -> None:
    """Compile what does not fit its source any more, and say how much that was."""
    place = compiled.folder() or compiled.USUAL
    begun = time.monotonic()
    built = build(place)
    spent, same = time.monotonic() - begun, len(compiled.MODULES) - built
    print(
        f"编译了 {built} 个模块，用时 {spent:.0f} 秒；{same} 个本来就是最新的。"
        f" modules compiled: {built}, in {spent:.0f} s; up to date before: {same}.\n{place}"
    )
    if built:
        print("重启服务器后生效。 A server uses them once it is started anew.")


def build(place: Path) -> int:
    """Keep every module compiled in ``place``, drop what was made from former sources, and return
    how many had to be compiled. Raises Refusal: compile_no_cython, compile_no_compiler,
    compile_failed, compile_not_kept; what was there before is then as it was."""
    files = compiled.kept(place)
    missing = [one for one in compiled.MODULES if not compiled.fitting(one, files.get(one, ()))]
    if missing:
        check_tools()
        try:
            with tempfile.TemporaryDirectory(prefix="gridrounds-compile-") as made:
                sources = _copied(missing, Path(made))
                _compile(list(sources), Path(made))
                place.mkdir(parents=True, exist_ok=True)
                for module, source_print in sources.items():
                    _keep(module, source_print, Path(made) / MADE, place)
        except OSError as err:
            raise Refusal("compile_not_kept", folder=place, words=err.strerror or "") from err
    _drop_former(place)
    return len(missing)


def check_tools() -> None:
    """Raise Refusal where what compiling takes is not there."""
    there = None
    with suppress(metadata.PackageNotFoundError):
        there = metadata.version("cython")
    if there != compiled.CYTHON or importlib.util.find_spec("setuptools") is None:
        raise Refusal("compile_no_cython", version=compiled.CYTHON)
    if os.name == "nt":  # setuptools looks for it itself, in the registry
        return
    line = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    heads = Path(sysconfig.get_path("include")) / "Python.h"
    if shutil.which(shlex.split(line)[0]) is None:
        raise Refusal("compile_no_compiler", missing=line)
    if not heads.exists():
        raise Refusal("compile_no_compiler", missing=str(heads))


def _copied(modules: list[str], to: Path) -> dict[str, str]:
    """Copy modules into packages of their own, the largest first, and return the print of each."""
    texts = {one: compiled.source_of(one).read_bytes() for one in modules}
    for module, text in texts.items():
        file = to / f"{module.replace('.', '/')}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        for folder in file.relative_to(to).parents:
            if folder.name:
                (to / folder / "__init__.py").touch()
        file.write_bytes(text)
    ordered = sorted(modules, key=lambda one: -len(texts[one]))
    return {one: compiled.print_of(texts[one]) for one in ordered}


def _compile(modules: list[str], at: Path) -> None:
    processes = min(os.cpu_count() or 1, len(modules))
    # Without -P the folder of the program would be searched for modules first.
    line = [sys.executable, "-P", str(cythonizing.__file__), str(processes), *modules]
    done = subprocess.run(
        line, cwd=at, env=os.environ | {"PYTHONUTF8": "1"},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        encoding="utf-8", errors="replace", check=False,
    )  # fmt: skip
    if done.returncode:
        said = done.stdout.strip().splitlines()
        raise Refusal("compile_failed", words=said[-1].strip()[:300] if said else "")


def _keep(module: str, source_print: str, made: Path, place: Path) -> None:
    """Put a compiled file in its place, whole or not at all."""
    content = (made / f"{module.replace('.', '/')}{compiled.SUFFIX}").read_bytes()
    name = compiled.name_of(module, source_print, content)
    part = place / f"{name}.{os.getpid()}.part"
    try:
        part.write_bytes(content)
        part.replace(place / name)
    finally:
        part.unlink(missing_ok=True)


def _drop_former(place: Path) -> None:
    """Remove this interpreter's files that nothing is loaded from any more."""
    for module, files in compiled.kept(place).items():
        today = compiled.fitting(module, files) if module in compiled.MODULES else None
        for path, _, _ in files:
            if path != today:
                with suppress(OSError):  # Windows: a server that runs has it open
                    path.unlink()
