"""Starts the laptop: ``python -m field_app``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from field_app.app import serve
from field_app.cli import run


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    return run(argv, serve)


if __name__ == "__main__":
    sys.exit(main())
