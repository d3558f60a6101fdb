"""Starts the laptop: ``python -m field_app``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from field_app.app import serve
from field_app.cli import run
from schemas.plain_logs import tell_uncaught


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    return run(argv, serve)


if __name__ == "__main__":
    tell_uncaught()
    sys.exit(main())
