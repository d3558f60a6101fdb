"""Fetching the peers once, each from its registry into a folder of its own in ``.bench/``.

A peer that cannot be had (no Node, no network) is left out with a plain sentence; the run goes on.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / ".bench"
KINTO = (
    "kinto[postgresql]==26.5.0", "gunicorn==23.0.0", "setuptools==80.9.0",
)  # fmt: skip
POUCHDB_SERVER = "pouchdb-server@4.2.0"
PATIENCE_S = 900


def kinto() -> Path | None:
    """Return the Python of Kinto's own environment, made when missing; None when it cannot be."""
    home = CACHE / "kinto"
    python = home / "bin" / "python"
    if _ready(home, KINTO):
        return python
    print("installing Kinto into .bench/kinto (once) …", flush=True)
    shutil.rmtree(home, ignore_errors=True)
    try:
        _run([sys.executable, "-m", "venv", str(home)])
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, *KINTO])
    except (OSError, subprocess.SubprocessError) as error:
        print(f"Kinto is left out: it could not be installed. {_words(error)}")
        return None
    _mark(home, KINTO)
    return python


def pouchdb_server() -> Path | None:
    """Return pouchdb-server's program, installed when missing; None when it cannot be."""
    if not (shutil.which("node") and shutil.which("npm")):
        print("pouchdb-server is left out: it needs Node.js with npm, which are not here.")
        return None
    home = CACHE / "pouchdb-server"
    program = home / "node_modules" / "pouchdb-server" / "bin" / "pouchdb-server"
    if _ready(home, (POUCHDB_SERVER,)):
        return program
    print("installing pouchdb-server into .bench/pouchdb-server (once) …", flush=True)
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    try:
        # Without scripts: LevelDB, its default, comes compiled; only its SQLite adapter would be.
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]
        _run(["npm", "install", "--prefix", str(home), *quiet, POUCHDB_SERVER])
    except (OSError, subprocess.SubprocessError) as error:
        print(f"pouchdb-server is left out: it could not be installed. {_words(error)}")
        return None
    _mark(home, (POUCHDB_SERVER,))
    return program


def run_in(folder: Path, command: list[str]) -> None:
    """Run a peer's own command to its end in a folder; raises CalledProcessError."""
    _run(command, folder)


def _run(command: list[str], folder: Path | None = None) -> None:
    subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=PATIENCE_S,
        stdin=subprocess.DEVNULL, cwd=folder,
    )  # fmt: skip


def _ready(home: Path, wanted: tuple[str, ...]) -> bool:
    mark = home / "installed"
    return mark.is_file() and mark.read_text(encoding="utf-8") == "\n".join(wanted)


def _mark(home: Path, wanted: tuple[str, ...]) -> None:
    (home / "installed").write_text("\n".join(wanted), encoding="utf-8")


def _words(error: Exception) -> str:
    said = getattr(error, "stderr", "") or str(error)
    return " ".join(str(said).split())[-300:]
