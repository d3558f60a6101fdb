"""Compiles modules with Cython: a program of its own, run in a folder that holds copies of them.

``python cythonizing.py PROCESSES MODULE …`` leaves what it made under ``made/``.
"""

from __future__ import annotations

import os
import sys

DIRECTIVES = {
    "language_level": "3",
    "annotation_typing": False,  # annotations stay what they are: words
    "binding": True,  # functions are bound, copied and looked into as Python's own
    "infer_types": False,  # no whole number is taken for one of 64 bits
}

OPTIMISED = ["-O2", "-g0"]


def main(processes: int, modules: list[str]) -> None:
    """Translate the modules, then compile and link them, so many at a time."""
    from Cython.Build import cythonize
    from setuptools import Extension, setup

    # CFLAGS would take the place of what Python itself was compiled with, so they are left to whom
    # it is up to; MSVC optimises without being told.
    flags = [] if os.name == "nt" or "CFLAGS" in os.environ else OPTIMISED
    wanted = [
        Extension(name, [f"{name.replace('.', '/')}.py"], extra_compile_args=flags)
        for name in modules
    ]
    made = cythonize(  # type: ignore[no-untyped-call]
        wanted,
        compiler_directives=DIRECTIVES,
        nthreads=processes if processes > 1 else 0,
        quiet=True,
    )
    where = ["--build-lib", "made", "--build-temp", "objects"]
    setup(
        name="compiled",
        packages=[],
        ext_modules=made,
        script_name="cythonizing",
        script_args=["--quiet", "build_ext", *where, "--parallel", str(processes)],
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
