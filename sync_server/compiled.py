"""Modules that were compiled ahead of time take the place of their sources, where they fit.

``python -m sync_server compile`` keeps them in a folder of their own, each under the hash of what
it was made from. Whatever does not fit any more, is damaged or cannot be loaded is left to the
source.
Imported before anything else of the program: this needs the standard library alone.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    ExtensionFileLoader,
    ModuleSpec,
    SourceFileLoader,
)
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[1]
VARIABLE = "GRIDROUNDS_COMPILED"
"""In the environment: ``0`` turns it off, a path is the folder in the place of the usual one."""
USUAL = ROOT / "build" / "compiled"
CYTHON = "3.3.1"
"""What they are compiled with, as requirements/compile.in pins it."""
HOW = f"cython {CYTHON}, 1"
"""A file that was made in another way does not fit; the number goes up with cli/cythonizing.py."""
SUFFIX = EXTENSION_SUFFIXES[0]
"""How the name of a file of this interpreter ends: its version and the system's ABI are part of
it."""
FILE = re.compile(r"(?P<module>[a-z_][a-z_.]*)-(?P<source>[0-9a-f]{16})-(?P<own>[0-9a-f]{16})")
MODULES = tuple(
    f"{package}.{name}"
    for package, names in {
        "schemas": "search pinyin check values",
        "schemas.fields": "amounts accept keyed base choices",
        "sync_server.domain": "envelope merge json_text times judging working_calendar",
        "sync_server.services": (
            "intake parts ledger lines applying record_rows record_writing receive sync deliver"
        ),
        "sync_server.store": "bulk sending touching streams",
    }.items()
    for name in names.split()
)
"""Where the processor is while changes are taken in."""


def folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return where compiled modules are looked for and kept; None: nowhere, it is turned off."""
    said = environment.get(VARIABLE, "")
    return None if said == "0" else Path(said).absolute() if said else USUAL


def source_of(module: str) -> Path:
    """Return the file a module is written in."""
    return ROOT / f"{module.replace('.', '/')}.py"


def print_of(source: bytes) -> str:
    """Return what tells one source, compiled for this interpreter, from every other."""
    made_for = f"{HOW}\n{sys.implementation.cache_tag}\n{SUFFIX}\n".encode()
    return hashlib.sha256(made_for + source).hexdigest()[:16]


def name_of(module: str, source_print: str, content: bytes) -> str:
    """Return the name under which a compiled module is kept; it tells of damage as well."""
    own = hashlib.sha256(content).hexdigest()[:16]
    return f"{module}-{source_print}-{own}{SUFFIX}"


def kept(place: Path) -> dict[str, list[tuple[Path, str, str]]]:
    """Return the files of this interpreter by module: each with the hash of the source it was made
    from and its own."""
    found: dict[str, list[tuple[Path, str, str]]] = {}
    with suppress(OSError):
        for path in sorted(place.iterdir()):
            told = FILE.fullmatch(path.name.removesuffix(SUFFIX))
            if told and path.name.endswith(SUFFIX):
                found.setdefault(told["module"], []).append((path, told["source"], told["own"]))
    return found


def fitting(module: str, files: Sequence[tuple[Path, str, str]]) -> Path | None:
    """Return the file among them that was made from the module's source as it is today and is
    whole."""
    with suppress(OSError):
        today = print_of(source_of(module).read_bytes())
        for path, source, own in files:
            if source == today and hashlib.sha256(path.read_bytes()).hexdigest()[:16] == own:
                return path
    return None


def fits(place: Path | None) -> int:
    """Return how many of the modules would be taken from a folder."""
    files = kept(place) if place else {}
    return sum(fitting(module, files.get(module, ())) is not None for module in MODULES)


@dataclass
class Finder:
    """Finds modules among compiled files, and remembers which were taken from there."""

    files: dict[str, list[tuple[Path, str, str]]]
    taken: set[str] = field(default_factory=set)
    unloadable: dict[str, str] = field(default_factory=dict)
    """Modules whose file fits and yet cannot be loaded, each with the reason."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to load a module from its compiled file; None leaves it to its source."""
        files = self.files.get(name)
        if not files or name not in MODULES:
            return None
        file = fitting(name, files)
        if file is None:  # made from another source, or damaged
            return None
        return spec_from_file_location(name, file, loader=_Loader(name, file, self))


class _Loader(ExtensionFileLoader):
    """Loads a compiled file; where that cannot be done, the source."""

    def __init__(self, name: str, file: Path, finder: Finder) -> None:
        super().__init__(name, str(file))
        self._finder = finder
        self._source = SourceFileLoader(name, str(source_of(name)))

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module, not executed yet."""
        try:
            module = super().create_module(spec)
        except Exception as error:  # of another system, without execute permission, …
            return self._give_up(ModuleType(spec.name), spec, error)
        self._finder.taken.add(spec.name)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Execute it."""
        name = module.__name__
        if name in self._finder.taken:
            try:
                return super().exec_module(module)
            except Exception as error:
                assert module.__spec__ is not None
                self._give_up(module, module.__spec__, error)
        self._source.exec_module(module)  # what is wrong with the source is told by the source

    def _give_up(self, module: ModuleType, spec: ModuleSpec, error: Exception) -> ModuleType:
        self._finder.taken.discard(spec.name)
        self._finder.unloadable[spec.name] = str(error)
        spec.origin = module.__file__ = self._source.path
        return module


def install() -> Finder | None:
    """Let modules imported from now on be taken from compiled files; None where there are none."""
    place = folder()
    files = kept(place) if place else {}
    if not files:
        return None
    finder = Finder(files)
    sys.meta_path.insert(0, finder)
    return finder


def installed() -> Finder | None:
    """Return what ``install`` has put in place."""
    return next((one for one in sys.meta_path if isinstance(one, Finder)), None)


def tell() -> None:
    """Log how many modules run compiled and which do not; nothing where nothing was compiled."""
    if (finder := installed()) is None:
        return
    for module, error in sorted(finder.unloadable.items()):
        log.warning("module=%s cannot be loaded as it was compiled: %s", module, error)
    facts = (len(MODULES), len(finder.taken))
    if as_written := sorted({*MODULES} - finder.taken):
        log.warning(
            "modules=%d take changes in, compiled=%d of them run compiled; "
            "run python -m sync_server compile again for others=%s",
            *facts, ",".join(as_written),
        )  # fmt: skip
    else:
        log.info("modules=%d take changes in, compiled=%d of them run compiled", *facts)
