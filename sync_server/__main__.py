"""``python -m sync_server``: joins the command line and the app."""

import sys

from sync_server import compiled


def main() -> int:
    """Run the command line; modules that were compiled ahead of time are found from here on."""
    compiled.install()
    from schemas.plain_logs import tell_uncaught
    from sync_server.app import create_serving_app
    from sync_server.cli.main import run

    tell_uncaught()
    return run(None, create_serving_app)


if __name__ == "__main__":
    sys.exit(main())
